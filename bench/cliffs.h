// Cliffs: what `qconv-bench --cliffs` prints in the end. A cliff is a layer that is many times
// slower than others of its kind for no reason that its user could see: a channel more, an even
// kernel, a stride.
//
// Read next: cliff_layers.cpp (which layers, and what makes a kind).
#pragma once

#include <string>
#include <vector>

#include "result.h"

namespace qconv::bench {

// Prints, for each kind (the layers of one `net`), the GMAC/s of its median and of its slowest
// layer and whether these are within 4 times; with a peer its own, and how ours compares; then the
// ten layers that are furthest below the median of their kind. `peer` names it, "" is none.
void PrintCliffs(const std::vector<LayerResult>& results, const std::string& peer);

}  // namespace qconv::bench
