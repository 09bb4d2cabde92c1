// GroupFeeder: where the kernels of narrow groups in place (group_panels.h) find their input.
//
// Layer: pack. They find the pixels through a table of pointers, a row of it for each kernel row
// of each output row; padding is a pixel of the input zero point:
//
//   columns        0   1   2   3  ...
//   output 0, kernel row 0   [ p ][ x ][ x ][ x ]      p: padding
//             kernel row 1   [ p ][ x ][ x ][ x ]      x: a pixel of the image
//   output 1, kernel row 0   ...
//
// With a dilation of d in w a table has every d-th pixel: those of a phase (slide.h).
// Read next: ../in_place.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/feed.h"
#include "pack/packed_layer.h"
#include "pack/tensor_end.h"

namespace qconv::pack {

// Whether images of this size can be read in place; else their channels are spread. Those of layers
// with rotated quads always can.
bool FitsGroupReads(const PackedLayer& layer, const Dims& input_size);

// Says where kernels find the input of output rows. Lives on the stack of the task that computes
// them.
class GroupFeeder {
 public:
  static constexpr int64_t kScratchBytes = 32 * 1024;
  // Of layers that are computed this way: a table has room for 32 columns of them.
  static constexpr int64_t kMostKernelRows = 127;

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
  // Kernels read a vector of a pixel at most.
  static constexpr int64_t kEndBytes = TensorEnd::Bytes(64);
  static constexpr int64_t kTableBytes = kScratchBytes - kEndBytes;
  static_assert(kMostKernelRows * 32 * int64_t{sizeof(uint8_t*)} <= kTableBytes);

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
