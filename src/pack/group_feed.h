// Narrow groups in place: layers whose kernels read the input of a vector of output channels from
// 16 bytes of a pixel, or from a single group, or that of four vectors from a vector full of
// channels, whose quads they rotate (kernels::GroupTask).
//
// Layer: pack. Kernels find the pixels through a table of pointers, a row of it for each kernel row
// of each output row; padding is a pixel of the input zero point:
//
//   columns        0   1   2   3  ...
//   output 0, kernel row 0   [ p ][ x ][ x ][ x ]      p: padding
//             kernel row 1   [ p ][ x ][ x ][ x ]      x: a pixel of the image
//   output 1, kernel row 0   ...
//
// With a dilation of d in w a table has every d-th pixel: those of a phase (slide.h). Weights are
// packed as for spread channels (lanes.h), those of rotated lanes in the order in which they meet
// the depth groups of their group (PackedLayer::InputGroup).
// Read next: ../in_place.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/feed.h"
#include "pack/packed_layer.h"
#include "pack/tensor_end.h"

namespace qconv::pack {

// Whether a layer without weight zero points is computed this way. (If so, and its quads are
// rotated, that goes for all its images.)
bool ReadsGroupsInPlace(const Geometry& geometry, const kernels::KernelTable& table);

// Whether images of this size can be read in place; else their channels are spread.
bool FitsGroupReads(const PackedLayer& layer, const Dims& input_size);

// The panels of such a layer, by shape.
std::vector<int> ChooseGroupPanels(const Geometry& geometry, const kernels::KernelTable& table);

// Which bytes the lanes of each panel multiply; nothing if no panel's kernel asks.
void FillGroupOrders(PackedLayer& layer);

// Says where kernels find the input of output rows. Lives on the stack of the task that computes
// them.
class GroupFeeder {
 public:
  static constexpr int64_t kScratchBytes = 32 * 1024;

  // `scratch` has kScratchBytes, aligned to 64; it and the image stay until the end.
  GroupFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch);

  kernels::GroupKernel Kernel(const Panel& panel) const {
    return layer_.kernels->groups[panel.shape][stride_ - 1];
  }
  int64_t phases() const { return phases_; }
  // How many pixels of a row, and how many such rows, fit a table.
  int64_t MostPixels() const;
  int64_t MostRows(int64_t pixels) const;

  // Goes to `rows` output rows from y on of plane z: pixels phase + i * phases() of each,
  // first <= i < first + count.
  void MoveTo(int64_t z, int64_t y, int64_t rows, int64_t phase, int64_t first, int64_t count);

  // The task of a panel. It points to a table that is good until the next call.
  kernels::GroupTask Task(const Panel& panel);

 private:
  int64_t Columns(int64_t pixels) const { return (pixels - 1) * stride_ + g_.kernel[2]; }
  void FillTable(int64_t channel);
  void FillRow(const uint8_t* row, int64_t channel, const uint8_t** columns);

  const PackedLayer& layer_;
  const Geometry& g_;
  const ImageView& image_;
  int64_t phases_, stride_;  // of pixels, in columns
  TensorEnd tensor_end_;
  const uint8_t** table_;

  int64_t z_ = 0, y_ = 0, rows_ = 0;  // of the output
  int64_t x_ = 0;                     // of the input, column 0
  int64_t count_ = 0;                 // pixels
  uint8_t* output_ = nullptr;         // the first one
  bool near_end_ = false;             // whether a row ends near the end of the tensor
  int64_t table_channel_ = 0;         // that the table points to
};

}  // namespace qconv::pack
