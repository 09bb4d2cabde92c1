// PadImage: a copy of the image with its padding, which all pieces then read in place.
//
// Layer: pack. Which layers have one: ../padding.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Some layers copy the input of a channel group once, with its padding, and read the copy in place.
//
//   [d][h][w][channels], all pixels that windows touch
//
// Groups of few channels share a copy of a cache line a pixel, where four or more fit one evenly
// (the last copy may have fewer): each line of the input is read once for all of them. (3x3, stride
// 2, 28x28, groups of 8, AVX2, 48 to 440 channels: 1.2 to 1.5 times the speed of copies of each.)
// (Groups of 32 do not: in a copy of its own the taps of a kernel row are one run, which is worth
// more; 3x3, 7x7: 1.20 and 1.14 times oneDNN.)
Dims PaddedSize(const Geometry& geometry, const Dims& output_size);
int64_t PaddedChannels(const PackedLayer& layer);

// Writes the copy for `group` to `scratch`; returns `image` with the copy as input.
ImageView PadImage(const PackedLayer& layer, const ChannelGroup& group, const ImageView& image,
                   std::byte* scratch);

}  // namespace qconv::pack
