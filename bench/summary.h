// Summary: the closing tables, per class of layers and per net.
#pragma once

#include <string>
#include <vector>

#include "result.h"
#include "runner.h"

namespace qconv::bench {

// Prints, for each class, the geometric means over its layers (each listed layer once) and the
// layer with the lowest ratio; for each net, the time of all its layers (each `count` times).
// Ratios cover the layers that the peer ran. `peer` names it, "" is none.
void PrintSummary(const std::vector<LayerResult>& results, const std::string& peer);

// Prints the range of the ceiling, and what the columns are.
void PrintCeiling(const Ceiling& ceiling, const std::string& peer);

// Prints how many cores other processes kept busy, and a warning if that left us too few.
void PrintNeighbours(double busy_cores, int threads);

}  // namespace qconv::bench
