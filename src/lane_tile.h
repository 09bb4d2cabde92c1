// ChooseLaneTile: the block of output pixels that lane kernels compute at a time. A pure function.
//
// Layer: middle end. Read next: plan.h for its use, pack/lane_feed.h for what a block costs.
#pragma once

#include <cstdint>

#include "pack/packed_layer.h"

namespace qconv {

// Extents of a block in an output image of the given size: the spread input fits `bytes` (unless
// that of one pixel does not), at most `rows` pixels, and as few positions spread per pixel as can
// be.
pack::Dims ChooseLaneTile(const pack::PackedLayer& layer, const pack::Dims& output, int64_t rows,
                          int64_t bytes);

}  // namespace qconv
