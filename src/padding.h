// ChoosePadding: which layers read a padded copy of the image. A pure function.
//
// Layer: middle end. Used by plan.cpp only; the copy is made by pack::PadImage.
#pragma once

#include "pack/packed_layer.h"
#include "segments.h"

namespace qconv {

// Whether each channel group of the image is copied once, with its padding, and read from there. It
// costs the copy and the taps in the padding, and saves pieces: for each a feed for each group, and
// a kernel call and a small tile for each panel.
enum class Padding {
  kNone,
  kColumns,  // for its edges in w; output rows skip the taps above and below the image
  kWhole,    // for all edges: one piece, all taps (kernels of many taps: the pieces they have)
};

// `segments` are those without a copy.
Padding ChoosePadding(const pack::PackedLayer& layer, const pack::Dims& output,
                      const GridSegments& segments);

// Makes them those with one.
void PadSegments(const pack::PackedLayer& layer, const pack::Dims& output, Padding padding,
                 GridSegments& segments);

}  // namespace qconv
