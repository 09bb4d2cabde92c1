// GroupWalk: where group kernels are told to find their input, and to write their output. Every
// pointer of every table by its formula, nothing beyond the tensor.
//
// Read next: group_feed_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "common/case.h"
#include "guarded.h"
#include "pack/columns.h"
#include "pack/group_feed.h"
#include "pack/integers.h"
#include "plan.h"
#include "plan_image.h"

namespace qconv::test {

// Goes through the blocks of a layer as run.cpp does.
class GroupWalk {
 public:
  GroupWalk(const pack::PackedLayer& layer, const cases::Case& c, const ImagePlan& plan)
      : layer_(layer),
        g_(layer.geometry),
        plan_(plan),
        input_(c.input),
        output_(static_cast<size_t>(plan.batch() * Pixels(plan.output()) * g_.out_channels)),
        scratch_(std::vector<std::byte>(pack::GroupFeeder::kScratchBytes), Edge::kBack),
        times_(output_.size()) {}

  // A feeder for so many blocks, one after the other, and for one of `splits` shares of the panels;
  // these come in this order or the other way round.
  void Check(int64_t blocks_per_feeder, int64_t splits, bool backwards) {
    const auto panels = static_cast<int64_t>(layer_.panels.size());
    const int64_t blocks = plan_.batch() * plan_.blocks();
    for (int64_t first = 0; first < blocks; first += blocks_per_feeder) {
      for (int64_t split = 0; split < splits; ++split) {
        panels_.clear();
        for (int64_t p = panels * split / splits; p < panels * (split + 1) / splits; ++p) {
          panels_.push_back(&layer_.panels[static_cast<size_t>(p)]);
        }
        if (backwards) std::reverse(panels_.begin(), panels_.end());
        image_ = Image(0);  // the feeder refers to it; it moves on with the blocks
        pack::GroupFeeder feeder(layer_, image_, scratch_.span().data());
        for (int64_t b = first; b < std::min(first + blocks_per_feeder, blocks); ++b) {
          CheckBlock(feeder, b);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
    EXPECT_EQ(std::count(times_.begin(), times_.end(), 1), static_cast<int64_t>(times_.size()));
  }

  // Whether some pointer led to the copy of the tensor's end, and whether a table did not hold all
  // pixels of a row, or all rows of a block.
  bool read_the_copy() const { return read_the_copy_; }
  bool cut_pixels() const { return cut_pixels_; }
  bool cut_rows() const { return cut_rows_; }

 private:
  pack::ImageView Image(int64_t index) { return ImageOf(plan_, g_, input_, output_, index); }

  void CheckBlock(pack::GroupFeeder& feeder, int64_t block) {
    pack::Piece pieces[kMaxPieces];
    ASSERT_EQ(plan_.PiecesOf(block % plan_.blocks(), pieces), 1);
    const auto& [d, h, w] = pieces[0].segment;
    ASSERT_EQ(w.size(), plan_.output()[2]) << "whole rows";
    ASSERT_EQ(h.step, 1);
    phases_ = feeder.phases();
    ASSERT_EQ(phases_, g_.dilation[2] / std::gcd(g_.stride[2], g_.dilation[2]));
    image_ = Image(block / plan_.blocks());
    for (z_ = d.begin; z_ < d.end; ++z_) {
      for (phase_ = 0; phase_ < std::min(phases_, w.size()); ++phase_) {
        const int64_t pixels = pack::CeilDiv(w.size() - phase_, phases_);
        for (first_ = 0; first_ < pixels; first_ += feeder.MostPixels()) {
          const int64_t count = std::min(pixels - first_, feeder.MostPixels());
          const int64_t most_rows = feeder.MostRows(count);
          ASSERT_GT(most_rows, 0);
          if (count < pixels) cut_pixels_ = true;
          if (most_rows < h.size()) cut_rows_ = true;
          for (y_ = h.begin; y_ < h.end; y_ += most_rows) {
            CheckTable(feeder, std::min(h.end - y_, most_rows), count);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }

  void CheckTable(pack::GroupFeeder& feeder, int64_t rows, int64_t count) {
    feeder.MoveTo(z_, y_, rows, phase_, first_, count);
    for (const pack::Panel* panel : panels_) {
      const kernels::GroupTask task = feeder.Task(*panel);
      SCOPED_TRACE(testing::Message()
                   << "plane " << z_ << ", row " << y_ << ", phase " << phase_ << ", pixels from "
                   << first_ << ", channels from " << panel->out_begin);
      ASSERT_EQ(task.rows, rows);
      ASSERT_EQ(task.count, count);
      CheckTask(*panel, task);
      if (testing::Test::HasFatalFailure()) return;
    }
  }

  void CheckTask(const pack::Panel& panel, const kernels::GroupTask& task) {
    ASSERT_EQ(task.kernel_rows, g_.kernel[1]);
    ASSERT_EQ(task.depth_groups, pack::CeilDiv(g_.GroupInputs(), kernels::kDepthGroup));
    ASSERT_EQ(task.weights, layer_.weights.data() + panel.weights_offset);
    ASSERT_EQ(task.epilogue, &panel.epilogue);
    ASSERT_EQ(task.valid_columns, panel.columns);
    in_begin_ = panel.out_begin / g_.GroupOutputs() * g_.GroupInputs();
    const int64_t last_group = (panel.out_begin + panel.columns - 1) / g_.GroupOutputs();
    in_end_ = (last_group + 1) * g_.GroupInputs();
    CheckOrders(panel, task);
    const int64_t stride = g_.stride[2] / std::gcd(g_.stride[2], g_.dilation[2]);
    const int64_t columns = (task.count - 1) * stride + kernels::kGroupTaps;
    ASSERT_GE(task.column_count, columns);
    const uint8_t* const* table = task.columns;
    for (int64_t r = 0; r < task.rows; ++r) {
      for (int64_t p = 0; p < task.count; ++p) CountOutput(panel, task, r, p, stride);
      for (int64_t j = 0; j < task.kernel_rows; ++j, table += task.column_count) {
        for (int64_t c = 0; c < columns; ++c) {
          CheckPixel(table[c] + task.channel, ReadBytes(panel, task), r, j, c);
          if (testing::Test::HasFatalFailure()) {
            ADD_FAILURE() << "row " << r << ", kernel row " << j << ", column " << c;
            return;
          }
        }
      }
    }
  }

  // Lanes multiply the channels of the group of their columns, each once. Without orders, those
  // from the panel's first on; rotated, of their own 128 bits, in an order of their own.
  void CheckOrders(const pack::Panel& panel, const kernels::GroupTask& task) {
    const int lanes = layer_.kernels->lanes;
    const int vectors = layer_.kernels->shapes[panel.shape].vectors;
    const bool rotated = layer_.RotatesQuads(panel);
    ASSERT_EQ(rotated, vectors == kernels::kRotatedVectors);
    for (int position = 0; position < vectors * lanes; ++position) {
      const int column = layer_.Column(panel, position), lane = position % lanes;
      if (column >= panel.columns) continue;
      const int64_t group = (panel.out_begin + column) / g_.GroupOutputs();
      std::vector<int64_t> inputs;
      for (int64_t i = 0; i < g_.GroupInputs(); ++i) {
        const int64_t k = i / kernels::kDepthGroup, in_quad = i % kernels::kDepthGroup;
        const int64_t at = (k * lanes + lane) * kernels::kDepthGroup + in_quad;
        int64_t byte = task.orders == nullptr ? i : task.orders[at];
        if (rotated) {
          byte = k == 0 ? lane * kernels::kDepthGroup + in_quad
                        : byte + lane / pack::kLaneColumns * pack::kLaneBytes;
          ASSERT_EQ(byte % kernels::kDepthGroup, in_quad);
        }
        inputs.push_back(in_begin_ + byte - group * g_.GroupInputs());
      }
      if (rotated) {
        for (int64_t k = 0; k < task.depth_groups; ++k) {
          ASSERT_EQ(inputs[static_cast<size_t>(k * kernels::kDepthGroup)],
                    layer_.InputGroup(panel, k, lane) * kernels::kDepthGroup);
        }
        std::sort(inputs.begin(), inputs.end());
      }
      for (int64_t i = 0; i < g_.GroupInputs(); ++i) {
        ASSERT_EQ(inputs[static_cast<size_t>(i)], i) << "position " << position;
      }
    }
    if (task.orders == nullptr) {
      ASSERT_EQ(g_.GroupInputs() % kernels::kDepthGroup, 0) << "reads beyond the group";
    }
  }

  // Pixel p of row r goes where a convolution says that it goes, and its taps are columns
  // p * stride, ...
  void CountOutput(const pack::Panel& panel, const kernels::GroupTask& task, int64_t r, int64_t p,
                   int64_t stride) {
    const pack::Dims& out = plan_.output();
    const int64_t y = y_ + r, x = phase_ + (first_ + p) * phases_;
    ASSERT_LT(y, out[1]);
    ASSERT_LT(x, out[2]);
    const uint8_t* pixel = image_.output + ((z_ * out[1] + y) * out[2] + x) * g_.out_channels;
    ASSERT_EQ(task.output + r * task.output_row_step + p * task.output_step,
              pixel + panel.out_begin);
    for (int c = 0; c < panel.columns; ++c) {
      ++times_[static_cast<size_t>(pixel + panel.out_begin + c - output_.data())];
    }
    ASSERT_EQ(x * g_.stride[2], FirstTap() + p * stride * g_.dilation[2]);
  }

  // Of the first pixel, from the left edge of the padding.
  int64_t FirstTap() const { return (phase_ + first_ * phases_) * g_.stride[2]; }

  // What kernels may read of a pixel.
  int64_t ReadBytes(const pack::Panel& panel, const kernels::GroupTask& task) const {
    if (layer_.RotatesQuads(panel)) return int64_t{layer_.kernels->lanes} * kernels::kDepthGroup;
    return task.orders == nullptr ? task.depth_groups * kernels::kDepthGroup : kernels::kGroupBytes;
  }

  // What kernel row j of output row r has in a column, of which kernels may read `read` bytes.
  void CheckPixel(const uint8_t* bytes, int64_t read, int64_t r, int64_t j, int64_t column) {
    const pack::Dims& in = plan_.input();
    const int64_t z = z_ * g_.stride[0] - g_.padding[0];
    const int64_t y = (y_ + r) * g_.stride[1] - g_.padding[1] + j * g_.dilation[1];
    const int64_t x = FirstTap() - g_.padding[2] + column * g_.dilation[2];
    const bool inside = z >= 0 && z < in[0] && y >= 0 && y < in[1] && x >= 0 && x < in[2];
    if (!inside) {
      ASSERT_TRUE(Within(layer_.padding, bytes, read));
      ASSERT_EQ(std::count(bytes, bytes + read, layer_.input_zero_point), read);
      return;
    }
    const uint8_t* pixel = image_.input + ((z * in[1] + y) * in[2] + x) * g_.in_channels;
    if (Within(input_, bytes, read)) {
      ASSERT_EQ(bytes, pixel + in_begin_);
      return;
    }
    ASSERT_TRUE(Within(scratch_.span(), bytes, read));
    read_the_copy_ = true;
    ASSERT_EQ(std::memcmp(bytes, pixel + in_begin_, static_cast<size_t>(in_end_ - in_begin_)), 0);
  }

  // Whether `read` bytes from there on are in `place`.
  template <class Place>
  static bool Within(const Place& place, const uint8_t* bytes, int64_t read) {
    const auto* begin = reinterpret_cast<const uint8_t*>(place.data());
    return bytes >= begin && bytes + read <= begin + place.size();
  }

  const pack::PackedLayer& layer_;
  const pack::Geometry& g_;
  const ImagePlan& plan_;
  const std::vector<uint8_t>& input_;
  std::vector<uint8_t> output_;
  const Guarded<std::byte> scratch_;
  std::vector<int> times_;  // that each byte of the output is written
  std::vector<const pack::Panel*> panels_;
  bool read_the_copy_ = false, cut_pixels_ = false, cut_rows_ = false;

  // The current table, and the channels that the current panel needs.
  pack::ImageView image_;
  int64_t z_ = 0, y_ = 0, phase_ = 0, phases_ = 0, first_ = 0;
  int64_t in_begin_ = 0, in_end_ = 0;
};

}  // namespace qconv::test
