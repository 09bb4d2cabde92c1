// RunInPlace: depthwise layers and narrow groups whose kernels read the input where it lies.
//
// Layer: middle end. The other layers go through feeds (run.cpp).
// Read next: pack/slide.h and pack/group_feed.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"

namespace qconv {

// Whether images of this size are computed so.
bool ReadsInPlace(const pack::PackedLayer& layer, const pack::Dims& input_size,
                  const pack::Dims& output_size);

// Computes whole output rows, those of `rows`, for panels [first_panel, last_panel). `scratch` has
// kCopyBytes (plan.h), aligned to 64.
void RunInPlace(const pack::PackedLayer& layer, const pack::ImageView& image,
                const pack::Piece& rows, int64_t first_panel, int64_t last_panel,
                std::byte* scratch);

}  // namespace qconv
