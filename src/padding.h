// PrefersPadding: which layers read a padded copy of the image. A pure function.
//
// Layer: middle end. Used by plan.cpp only; the copy is made by pack::PadImage.
#pragma once

#include <array>

#include "pack/packed_layer.h"
#include "segments.h"

namespace qconv {

// Whether each channel group of the image is copied once, with its padding, and read from there;
// `segments` are those without. It costs the copy and the taps in the padding, and saves the pieces
// of the edges: a feed for each group, a kernel call and a small tile for each panel.
bool PrefersPadding(const pack::PackedLayer& layer, const pack::Dims& output,
                    const std::array<Segments, 3>& segments);

}  // namespace qconv
