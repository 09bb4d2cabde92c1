// SpreadLayout: which taps make the quads of spread input (lanes.h), and which outputs share them.
//
// Layer: pack. Pure functions of the shape of a layer.
//
// Quads of taps come in three shapes, because spreading a position costs as much as four dot
// products and the shapes share positions differently:
//
//   4 x 1   stride 1: a column of four serves several output rows. 3x3: two of them, with weights
//           (w0, w1, w2, 0) and (0, w0, w1, w2); 5x5: two columns serve four.
//   2 x 2   stride 2: the squares that the taps of neighbouring outputs fall on are the same
//   1 x 4   a kernel row, 1D layers: the same for neighbouring outputs of a row, as many as fit
//           four pixels. Stride 1, 5 taps:
//
//     positions   [0  1  2  3] [4  5  6  7]     of the next four outputs: [4 5 6 7] [8 9 10 11]
//     output 0     w0 w1 w2 w3  w4
//     output 1        w0 w1 w2  w3 w4
//     output 2           w0 w1  w2 w3 w4
//     output 3              w0  w1 w2 w3 w4
//
// Where kernels have many taps, the outputs that share positions are computed together, and their
// input is loaded once (../kernels/shared_lanes.inl.h).
// Read next: lane_feed.h.
#pragma once

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// All but shuffles and padding; what TapGrid and the packing of weights need.
// A layer of several input channels per group has quads of these.
SpreadLayout MakeSpreadLayout(const Geometry& geometry, const kernels::KernelTable& table);

// The same for a layer that slides (slide.h): 4x1 quads.
SpreadLayout MakeSlideLayout(const Geometry& geometry, const kernels::SlideForm& form);

// Quads that cover the kernel for the first of the outputs that share them, and so for all.
Dims SpreadGrid(const Geometry& geometry, const SpreadLayout& spread);

}  // namespace qconv::pack
