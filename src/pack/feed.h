// Feeds: where the kernels find the input of each output pixel.
//
// Layer: pack. A piece is a set of output pixels with the same taps; its feed is a pointer for each
// pixel and strides for the taps, so that kernels walk the taps of any pixel alike:
//
//   input byte of (row, tap (i, j, l), depth k) = rows[row].input[i * d + j * h + l * w + k]
//
// Pieces in place point into the caller's tensor; copied ones into a scratch buffer, where the
// windows of their pixels have been gathered and the padding filled with the input zero point.
// Read next: ../plan.h for how pieces come about.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Output positions [begin, end) of one dimension, whose taps [tap_begin, tap_end) count.
struct Segment {
  int64_t begin, end;
  int64_t tap_begin, tap_end;
  bool copied;
};

// Pixels [begin, end), in raster order, of the rectangle that three segments span.
struct Piece {
  Segment segment[3];  // d, h, w
  int64_t begin, end;

  bool copied() const { return segment[0].copied || segment[1].copied || segment[2].copied; }
  int64_t rows() const { return end - begin; }
};

// One image of a batch and its output.
struct ImageView {
  Dims input_size, output_size;
  const uint8_t* input;  // [d][h][w][in_channels]
  uint8_t* output;       // [d][h][w][out_channels]
};

// What a kernel needs besides the rows. Weight strides are in taps of the panel.
struct PieceFeed {
  kernels::TapLoop taps[3];
  int64_t depth_groups;
  int64_t first_tap;
  int64_t taps_in_row;  // of the panel: 1 if its taps are kernel rows
  bool all_taps;
  int64_t sum_bytes;  // of each tap that count for row sums
  int64_t products;   // per output: taps of the piece * channels
};

// Bytes of scratch that a copied pixel takes, at most.
int64_t CopyBytesPerPixel(const PackedLayer& layer);

// Fills rows[0, piece.rows()) for the input channels of `group`; gathers copied pixels to `scratch`.
PieceFeed FeedPiece(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                    const ImageView& image, std::byte* scratch, kernels::Row* rows);

}  // namespace qconv::pack
