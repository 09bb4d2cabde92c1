// The layers of `qconv-bench --cliffs`: every oddness that a layer may have, in small families.
//
// Read next: cliff_kind.h (the families), cliffs.h (the verdict).
#pragma once

#include <vector>

#include "common/layer.h"

namespace qconv::bench {

// Several hundred small layers, always the same ones. The `net` of a layer is its kind.
std::vector<cases::Layer> CliffLayers();

}  // namespace qconv::bench
