// LaneFeeder: spreads the input of a block for lane kernels and says where they find it.
//
// Layer: pack. lanes.h explains what is spread. A block of output pixels d x h x w needs positions
// in each dimension; kernels find those of any pixel and tap by strides:
//
//   position(output o, tap t) = o * output_step + t * tap_step
//
// Where taps of neighbouring outputs fall on the same input, they share positions; where hardly any
// do (large strides, large dilations with few outputs), each tap gets positions of its own.
// Read next: feed.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"
#include "pack/tensor_end.h"

namespace qconv::pack {

// The positions of `outputs` neighbouring outputs in one dimension. Phase p of them lies at
//   input(p, i) = p * phase_step + i * step,   i < count,   and has the index i * phases + p.
struct SpreadAxis {
  int64_t phases, count;
  int64_t phase_step, step;       // input
  int64_t output_step, tap_step;  // index

  int64_t positions() const { return phases * count; }
};

SpreadSteps MakeSpreadSteps(int64_t stride, int64_t sharing, int64_t taps, int64_t distance);
SpreadAxis MakeSpreadAxis(const SpreadSteps& steps, int64_t outputs);

// The most outputs whose axis has at most so many positions; 0 if one has more.
int64_t LargestExtent(const SpreadSteps& steps, int64_t positions);

// Positions of a block of `outputs` pixels.
int64_t CountPositions(const SpreadLayout& spread, const Dims& outputs);

// Bytes of scratch for the list of depth groups.
int64_t GroupBytes(const PackedLayer& layer);

// Bytes of scratch for a block of `outputs` pixels.
int64_t SpreadBytes(const PackedLayer& layer, const Dims& outputs);

// How many positions fit so many bytes of scratch.
int64_t SpreadPositions(const PackedLayer& layer, int64_t bytes);

// The input of blocks, panel after panel. Lives on the stack of the task that computes them.
class LaneFeeder {
 public:
  // `scratch` is aligned to 64 bytes and has SpreadBytes() of them for each block, `rows` has room
  // for the pixels of each.
  LaneFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch,
             kernels::Row* rows);

  // Goes to a block: a whole rectangle. Cheap if it is as large as the one before.
  void MoveTo(const Piece& piece, const ImageView& image);

  // Spreads the input of a panel and fills feeds[0, n); returns n. One feed has the outputs that
  // are computed together, others have those of each share: all, or the ones at the end of the
  // block whose neighbours are missing. Valid until the next call.
  int Feed(const Panel& panel, PieceFeed* feeds);

 private:
  // Rows of positions one below the other.
  struct Band {
    const uint8_t* taps[kernels::kDepthGroup];  // pixel 0 of the input row of each tap; null for
                                                // rows outside the image
    const uint8_t* lowest;                      // of those rows, the last in memory
    int64_t rows;
    int64_t pitch;  // bytes from row to row
  };

  Dims Outputs(int64_t share) const;
  int MakeFeeds(PieceFeed* feeds) const;
  void FillRows();
  // Those of positions [begin, end) in each dimension; returns the end of them.
  kernels::Row* AddRows(int64_t share, const Dims& begin, const Dims& end, kernels::Row* row) const;
  void FillGroups();
  void SpreadInput(const Panel& panel);
  void FillPadding(int64_t rows, std::byte* out) const;
  void SpreadPlane(int64_t z, std::byte* out);
  Band MakeBand(int64_t z, int64_t y, int64_t rows) const;
  static Band RowOf(Band band, int64_t i);
  void SpreadRows(const Band& band, std::byte* out);
  void SpreadPhase(const Band& band, int64_t x, int64_t last, std::byte* out);
  void SpreadMiddle(const Band& band, int64_t x, int64_t count, std::byte* out);
  void SpreadEdge(const Band& band, int64_t x, std::byte* out);

  const PackedLayer& layer_;
  const Geometry& g_;
  Dims outputs_ = {};
  SpreadAxis axis_[3];
  int64_t reach_h_, reach_w_;  // input pixels from the first tap of a quad to the last

  ImageView image_;
  Dims origin_;     // input position of the first tap of the first output
  int64_t output_;  // first output pixel, bytes
  TensorEnd tensor_end_;

  int64_t* groups_;
  int64_t group_count_;
  std::byte* positions_;
  kernels::Row* rows_;
  int64_t counts_[kernels::kMaxSharing];  // rows of each share

  // Of the current panel. Rows and groups are good for all panels of a width.
  int64_t position_bytes_ = 0, row_bytes_ = 0, plane_bytes_ = 0;
  int64_t in_begin_ = 0;
  kernels::SpreadKernel kernel_ = nullptr;
  kernels::SpreadTask task_ = {};
};

}  // namespace qconv::pack
