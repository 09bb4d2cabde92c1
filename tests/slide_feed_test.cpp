// Where sliding kernels are told to find their input: every byte of every pixel by its formula, and
// nothing beyond the tensor; and that slides make up each output pixel once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "lane_layers.h"
#include "layer.h"
#include "pack/integers.h"
#include "pack/slide.h"
#include "plan.h"
#include "plan_image.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::SlideRun;
using pack::Dims;

// Goes through the slides of a layer as run.cpp does.
class SlideWalk {
 public:
  SlideWalk(const pack::PackedLayer& layer, const cases::Case& c, const ImagePlan& plan)
      : layer_(layer),
        g_(layer.geometry),
        form_(kernels::kSlideForms[layer.slide_form]),
        plan_(plan),
        input_(c.input),
        output_(static_cast<size_t>(plan.batch() * test::Pixels(plan.output()) * g_.out_channels)),
        scratch_(pack::SlideFeeder::kScratchBytes),
        times_(output_.size()) {}

  void Check() {
    for (int64_t image = 0; image < plan_.batch(); ++image) {
      image_ = Image(image);
      pack::SlideFeeder feeder(layer_, image_, scratch_.data());
      for (int64_t block = 0; block < plan_.blocks(); ++block) {
        pack::Piece pieces[kMaxPieces];
        ASSERT_EQ(plan_.PiecesOf(block, pieces), 1);
        CheckPiece(feeder, pieces[0]);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
    EXPECT_EQ(std::count(times_.begin(), times_.end(), 1), static_cast<int64_t>(times_.size()));
  }

  bool read_the_copy() const { return read_the_copy_; }

 private:
  pack::ImageView Image(int64_t index) { return test::ImageOf(plan_, g_, input_, output_, index); }

  void CheckPiece(pack::SlideFeeder& feeder, const pack::Piece& piece) {
    const auto& [d, h, w] = piece.segment;
    ASSERT_GT(piece.rows(), 0);
    ASSERT_EQ(w.size(), plan_.output()[2]) << "whole rows";
    for (z_ = d.begin; z_ < d.end; ++z_) {
      for (y_ = h.begin; y_ < h.end; y_ += layer_.spread.output_rows * h.step) {
        const int64_t rows = std::min(layer_.spread.output_rows, pack::CeilDiv(h.end - y_, h.step));
        for (phase_ = 0; phase_ < std::min(feeder.phases(), w.size()); ++phase_) {
          phases_ = feeder.phases();
          ASSERT_TRUE(rows == layer_.spread.output_rows || y_ + h.step >= plan_.output()[1])
              << "row " << y_ << " without the one that shares its input";
          feeder.MoveTo(z_, y_, rows, phase_);
          for (const pack::Panel& panel : layer_.panels) {
            CheckTask(panel, rows, feeder.Task(panel));
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }

  void CheckTask(const pack::Panel& panel, int64_t rows, const kernels::SlideTask& task) {
    SCOPED_TRACE(testing::Message() << "plane " << z_ << ", row " << y_ << ", phase " << phase_
                                    << ", channels from " << panel.out_begin);
    const kernels::PanelShape& shape = layer_.kernels->shapes[panel.shape];
    ASSERT_NE(shape.lanes.slides[layer_.slide_form], nullptr);
    ASSERT_EQ(task.output_rows, rows);
    ASSERT_EQ(task.columns, panel.columns);
    const int64_t behind = form_.pairs ? layer_.PanelWeightBytes(panel) : 0;
    ASSERT_EQ(task.weights, layer_.weights.data() + panel.weights_offset + behind);
    ASSERT_EQ(task.epilogue, &panel.epilogue);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t p = 0; p < task.count; ++p) CountOutput(panel, task, r, p);
    }
    const int64_t kernel_rows = g_.kernel[1] + (rows - 1) * layer_.spread.row_taps;
    const SlideRun* run = task.runs;
    int64_t of_run = 0;
    for (int64_t column = 0; column < (task.count - 1) * form_.stride + form_.taps; ++column) {
      if (of_run == run->count) {
        ++run;
        of_run = 0;
      }
      ASSERT_GT(run->count, 0);
      for (int64_t i = 0; i < form_.inputs[rows - 1]; ++i) {
        const uint8_t* bytes = run->rows[i] + of_run * run->steps[i] + task.channel;
        ASSERT_TRUE(MayRead(bytes, shape.columns)) << "column " << column << ", row " << i;
        if (i < kernel_rows) CheckBytes(bytes, i, column, panel);
        if (testing::Test::HasFatalFailure()) return;
      }
      ++of_run;
    }
    ASSERT_EQ(of_run, run->count) << "columns that no pixel needs";
  }

  // Pixel p of row r of the slide goes where a convolution says that it goes.
  void CountOutput(const pack::Panel& panel, const kernels::SlideTask& task, int64_t r, int64_t p) {
    const Dims& out = plan_.output();
    const int64_t y = y_ + r * layer_.spread.row_step, x = phase_ + p * phases_;
    ASSERT_LT(y, out[1]);
    ASSERT_LT(x, out[2]);
    const uint8_t* pixel = image_.output + ((z_ * out[1] + y) * out[2] + x) * g_.out_channels;
    ASSERT_EQ(task.outputs[r] + p * task.output_step, pixel + panel.out_begin);
    for (int c = 0; c < panel.columns; ++c) {
      ++times_[static_cast<size_t>(pixel + panel.out_begin + c - output_.data())];
    }
    // Its taps are the columns from p * stride on and the rows from r * row_taps on.
    ASSERT_EQ(x * g_.stride[2], phase_ * g_.stride[2] + p * form_.stride * g_.dilation[2]);
    ASSERT_EQ(y * g_.stride[1], y_ * g_.stride[1] + r * layer_.spread.row_taps * g_.dilation[1]);
  }

  // `columns` bytes within the tensor, the copy of its end or a pixel of padding.
  bool MayRead(const uint8_t* bytes, int columns) {
    const auto within = [&](const auto& place) {
      const auto* begin = reinterpret_cast<const uint8_t*>(place.data());
      return bytes >= begin && bytes + columns <= begin + place.size();
    };
    if (within(scratch_)) read_the_copy_ = true;
    return within(input_) || within(scratch_) || within(layer_.padding);
  }

  // What row `i` and `column` of the slide have for the channels of a panel.
  void CheckBytes(const uint8_t* bytes, int64_t i, int64_t column, const pack::Panel& panel) {
    const Dims& in = plan_.input();
    const int64_t z = z_ * g_.stride[0] - g_.padding[0];
    const int64_t y = y_ * g_.stride[1] - g_.padding[1] + i * g_.dilation[1];
    const int64_t x = phase_ * g_.stride[2] - g_.padding[2] + column * g_.dilation[2];
    const bool inside = z >= 0 && z < in[0] && y >= 0 && y < in[1] && x >= 0 && x < in[2];
    const auto columns = static_cast<size_t>(panel.columns);
    const std::vector<uint8_t> padding(columns, layer_.input_zero_point);
    const uint8_t* expected = padding.data();
    if (inside) {
      expected = image_.input + ((z * in[1] + y) * in[2] + x) * g_.in_channels + panel.out_begin;
    }
    ASSERT_EQ(std::memcmp(bytes, expected, columns), 0)
        << "column " << column << ", row " << i << ", inside " << inside;
  }

  const pack::PackedLayer& layer_;
  const pack::Geometry& g_;
  const kernels::SlideForm& form_;
  const ImagePlan& plan_;
  const std::vector<uint8_t>& input_;
  std::vector<uint8_t> output_;
  std::vector<std::byte> scratch_;
  std::vector<int> times_;  // that a slide writes each byte of the output
  bool read_the_copy_ = false;

  // The current slide.
  pack::ImageView image_;
  int64_t z_ = 0, y_ = 0, phase_ = 0, phases_ = 0;
};

class SlideFeed : public testing::TestWithParam<std::string> {
 protected:
  void Check(const cases::Case& c) {
    const pack::PackedLayer layer =
        BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = GetParam()});
    const Dims input = ValidateImage(layer.geometry, c.layer.image);
    const Dims output = OutputSize(layer.geometry, input);
    for (const int threads : {1, 3, 16}) {
      SCOPED_TRACE(test::Text(c) + ", threads " + std::to_string(threads));
      const ImagePlan plan(layer, c.layer.image.batch, input, output, threads);
      // Groups in place have a feeder of their own (group_feed_test.cpp).
      if (!plan.in_place() || layer.groups_in_place) return;
      SlideWalk walk(layer, c, plan);
      walk.Check();
      ++slides_;
      if (walk.read_the_copy()) ++copies_;
      if (threads == 16 && plan.blocks() > 1) ++cut_;
    }
  }

  int slides_ = 0, copies_ = 0, cut_ = 0;  // layers
};

TEST_P(SlideFeed, LeadsToEachByteAndWritesEachOnce) {
  for (const test::LaneFamily& family : test::LaneFamilies()) {
    const bool all = family.name == std::string("slides");
    int index = 0;
    test::ForEachLaneCase(family, [&](const cases::Case& c) {
      if (all || index++ % 4 == 0) Check(c);
    });
  }
  const bool any = GetParam() != "scalar";
  EXPECT_EQ(slides_ > 300, any) << slides_;
  EXPECT_EQ(copies_ > 50, any) << copies_;
  EXPECT_EQ(cut_ > 30, any) << cut_;
}

INSTANTIATE_TEST_SUITE_P(Isa, SlideFeed, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
