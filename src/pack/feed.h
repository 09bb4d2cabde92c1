// Feeds: where the kernels find the input of each output pixel.
//
// Layer: pack. A piece is a set of output pixels with the same taps; its feed is a pointer for each
// pixel (an offset from the first one) and strides for the taps, so that kernels walk the taps of
// any pixel alike:
//
//   byte of (row, tap (i, j, l), depth k) = input[rows[row].input + i * d + j * h + l * w + k]
//
// (Of kStrips layers a list tells where the depth groups are, as kernel rows share some.)
//
// Pieces in place point into the caller's tensor; copied ones into a scratch buffer, where the
// windows of their pixels have been gathered and the padding filled with the input zero point.
// Read next: ../plan.h for how pieces come about.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/integers.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Output positions of one dimension, whose taps [tap_begin, tap_end) count: every step-th of
// [begin, end), where only those of kLanes layers take other steps than 1 (SpreadLayout::row_step,
// column_step).
struct Segment {
  int64_t begin, end;
  int64_t tap_begin, tap_end;
  bool copied;
  int64_t step;

  int64_t size() const { return CeilDiv(end - begin, step); }
  int64_t taps() const { return tap_end - tap_begin; }
};

// Pixels [begin, end), in raster order, of the rectangle that three segments span.
struct Piece {
  Segment segment[3];  // d, h, w
  int64_t begin, end;

  bool copied() const { return segment[0].copied || segment[1].copied || segment[2].copied; }
  int64_t rows() const { return end - begin; }
  int64_t width() const { return segment[2].size(); }
  int64_t height() const { return segment[1].size(); }
  Dims extents() const { return {segment[0].size(), segment[1].size(), segment[2].size()}; }
};

// One image of a batch and its output.
struct ImageView {
  Dims input_size, output_size;
  const uint8_t* input;                // [d][h][w][in_channels]
  uint8_t* output;                     // [d][h][w][out_channels]
  const uint8_t *tensor, *tensor_end;  // the input of the whole batch
  // The input that pieces in place read: the layer's channels and padding, or those of a padded
  // copy for a group of channels.
  int64_t channels, first_channel;
  Dims padding;
  // Of the last pixel of each output row so many channels are not there (neighbours.h).
  int64_t idle_outputs = 0;

  bool Has(const ChannelGroup& group) const {
    return group.in_begin >= first_channel &&
           group.in_begin + group.in_channels <= first_channel + channels;
  }
};

// The rows of a rectangle, run after run of neighbours in w. The rows of its pieces that begin with
// a run, and of pieces that are part of a run, need no computing.
class RunRows {
 public:
  static constexpr int64_t kMax = 960;
  // For pieces of `most` <= kMax rows. `padded`: pieces in place read padded copies.
  RunRows(const PackedLayer& layer, const Piece& rectangle, int64_t most, const Dims& input_size,
          const Dims& output_size, bool padded, int64_t idle_outputs = 0);

  // The rows of `piece`, relative to its first one; null if they must be computed.
  const kernels::Row* Of(const Piece& piece) const;

 private:
  bool copied_;
  int64_t taps_[2];  // planes and rows of the kernel
  int64_t width_;
  kernels::Row rows_[kMax];
};

// What a kernel needs to know of a piece. Weight strides are in taps of the panel. Without default
// values: each task has an array of these on its stack (squeeze layers: 4 to 11 % of the time).
struct PieceFeed {
  const uint8_t* input;
  uint8_t* output;
  const kernels::Row* rows;
  int64_t row_count;
  kernels::RowRuns runs;
  kernels::TapLoop taps[3];
  int64_t depth_groups;
  int64_t first_tap;
  int64_t taps_in_row;  // of the panel: 1 if its taps are kernel rows
  bool all_taps;
  int64_t sum_bytes;     // of each tap that count for row sums
  int64_t products;      // per output: taps of the piece * channels
  int64_t idle_outputs;  // the last output channels, of all pixels, that are not there
  // kLanes and kStrips, instead of taps and depth_groups (kernels::PanelTask); or null.
  const int64_t* group_inputs;
  int64_t group_count;
  int sharing;                // kLanes: how many outputs share the positions of each row,
  int64_t share_output_step;  // so many bytes apart
};

// Bytes of the kernel window of one pixel, gathered; depends on the shape alone.
int64_t WindowBytes(const PackedLayer& layer);

// Bytes of scratch that a copied piece takes, at most.
int64_t CopyBytes(const PackedLayer& layer, const Piece& piece);

// How many neighbours of a rectangle of copied pixels (not kLanes) fit so many bytes wherever they
// begin, `most` at most.
int64_t CopiedRows(const PackedLayer& layer, const Piece& rectangle, int64_t most, int64_t bytes);

// The feed of a piece for the input channels of `group`. Gathers copied pixels to `scratch`; uses
// room[0, piece.rows()) where `run_rows` do not fit. Not for kLanes (lane_feed.h).
PieceFeed FeedPiece(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                    const ImageView& image, const RunRows& run_rows, std::byte* scratch,
                    kernels::Row* room);

}  // namespace qconv::pack
