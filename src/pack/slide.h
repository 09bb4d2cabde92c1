// Sliding: depthwise layers of small kernels, whose kernels read the input in place
// (kernels::SlideTask).
//
// Layer: pack. A slide is a row of output pixels, or two that share input rows, times a panel. With
// a dilation of d in w it is every d-th pixel (or every d / gcd(d, stride)-th): those whose taps
// fall on the same columns. Padding is a run of columns, or a row, that stands still on a pixel of
// the input zero point.
//
//   columns   p  0  1  2  ...  W-1  p      runs: {p}, {0, ..., W-1}, {p}
//
// Weights are packed as for spread input of 4x1 quads (lanes.h), of kernels::SlideForm::pairs once
// more; images that are narrower than what kernels read at once are computed that way.
// Read next: ../plan.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/feed.h"
#include "pack/packed_layer.h"
#include "pack/tensor_end.h"

namespace qconv::pack {

// Which of kernels::kSlideForms a layer takes, or kNoSlide.
int ChooseSlideForm(const Geometry& geometry, const kernels::KernelTable& table);

// The most vectors of a panel that kernels of this form take.
int64_t MostSlideVectors(const kernels::KernelTable& table, int form);

// Where slides of a panel have their weights, in PackedLayer::weights: those of spread input, or,
// where SlideForm::pairs, others behind these, of so many bytes.
int64_t SlideWeightsOffset(const PackedLayer& layer, const Panel& panel);
int64_t SlideWeightBytes(const PackedLayer& layer, const Panel& panel);

// Whether images of this size can be read in place, and should be.
bool Slides(const PackedLayer& layer, const Dims& input_size, const Dims& output_size);

// Says where kernels find the input of slides. Lives on the stack of the task that computes them.
class SlideFeeder {
 public:
  // Kernels read at most a byte for each column of a panel.
  static constexpr int64_t kScratchBytes = TensorEnd::Bytes(kernels::kMaxColumns);

  // `scratch` has kScratchBytes; it and the image stay until the end.
  SlideFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch);

  // How many slides make up a row.
  int64_t phases() const { return phases_; }

  // Goes to a slide: output rows y and, if `rows` is 2, y + row_step of plane z.
  void MoveTo(int64_t z, int64_t y, int64_t rows, int64_t phase);

  // The task of a panel. It points to runs that are good until the next call.
  kernels::SlideTask Task(const Panel& panel);

 private:
  // Padding, columns inside, columns near the end of the tensor, padding.
  static constexpr int kMostRuns = 4;
  using Runs = kernels::SlideRun[kMostRuns];

  void SetPhase(int64_t phase);
  int64_t ColumnsBefore(int64_t position) const;
  bool ReadsBeyond(int64_t channel);
  void FillRuns(int64_t channel, int64_t safe, Runs& runs) const;

  const PackedLayer& layer_;
  const Geometry& g_;
  const ImageView& image_;
  const kernels::SlideForm& form_;
  int64_t phases_;
  TensorEnd tensor_end_;

  int64_t phase_ = -1;
  int64_t count_ = 0;            // pixels
  int64_t columns_ = 0;          // that they need
  int64_t first_ = 0;            // of them, as a position in the image
  int64_t begin_ = 0, end_ = 0;  // those inside the image

  int64_t rows_ = 0;
  uint8_t* output_ = nullptr;                        // first pixel
  int64_t row_pitch_ = 0;                            // to the second row, bytes
  const uint8_t* inputs_[kernels::kMaxSlideInputs];  // pixel 0 of each row; null: padding
  const uint8_t* lowest_ = nullptr;                  // of them, the last in memory

  Runs runs_;      // of all panels
  Runs end_runs_;  // of one that reads beyond the tensor
};

}  // namespace qconv::pack
