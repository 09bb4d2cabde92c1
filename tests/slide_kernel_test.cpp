// Sliding kernels: every form for every shape that has it on every ISA, over all tails of pixels
// and columns, in all ways to requantize, against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "dispatch/registry.h"
#include "guarded.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::PanelShape;
using kernels::SlideForm;
using kernels::SlideRun;
using kernels::SlideTask;

struct Size {
  int rows;       // of output
  int64_t count;  // pixels of each
  int columns;
};

// Columns in runs of any length that lie anywhere. No byte may be read after those of the last, and
// no run after the last.
class SlideProblem {
 public:
  SlideProblem(const KernelTable& table, const PanelShape& shape, int form, const Size& size,
               uint32_t seed)
      : table_(table),
        shape_(shape),
        form_(kernels::kSlideForms[form]),
        size_(size),
        random_(seed),
        order_(table, shape.vectors) {
    for (size_t i = 0; i < At(WeightGroups(), 0, 0); ++i) {
      weights_.push_back(static_cast<int8_t>(Draw(0, 4) == 0 ? -128 : Draw(-128, 127)));
    }
    for (int64_t group = 0; group < WeightGroups(); ++group) {
      const int64_t first = group / form_.taps % form_.quads * kDepthGroup;
      const int64_t inputs = group < form_.taps * form_.quads ? form_.inputs[0] : Inputs();
      for (int64_t i = std::max<int64_t>(inputs - first, 0); i < kDepthGroup; ++i) {
        for (int c = 0; c < shape_.columns; ++c) weights_[At(group, c, static_cast<int>(i))] = 0;
      }
    }
    panel_ = test::LayOutQuads(table, order_, int64_t{size_.rows} * form_.WeightQuads(),
                               [this](auto... at) -> int16_t { return PackedWeight(at...); });
  }

  void Check(kernels::SlideKernel kernel) {
    const int channel = Draw(0, 40);
    const test::Guarded<uint8_t> input(DrawRuns(channel), test::Edge::kBack);
    for (SlideRun& run : runs_) {
      for (int i = 0; i < Inputs(); ++i) run.rows[i] = input.span().data() + Begin(run, i);
    }
    const test::Guarded<SlideRun> runs(runs_, test::Edge::kBack);
    const int step = Draw(size_.columns, size_.columns + 9);
    const int64_t pitch = size_.count * step + Draw(0, 9);
    std::vector<uint8_t> output(static_cast<size_t>(2 * kAround + size_.rows * pitch));
    SlideTask task = {};
    task.runs = runs.span().data();
    task.channel = channel;
    const bool upwards = Draw(0, 1) == 1;
    for (int r = 0; r < size_.rows; ++r) {
      task.outputs[r] = output.data() + kAround + (upwards ? size_.rows - 1 - r : r) * pitch;
    }
    task.output_rows = size_.rows;
    task.output_step = step;
    task.count = size_.count;
    task.weights = panel_.data();
    task.columns = size_.columns;
    const std::vector<Column> columns = Columns(channel);
    const test::Sums sums(size_.rows * size_.count, size_.columns, [&](int64_t pixel, int column) {
      return Sum(columns, static_cast<int>(pixel / size_.count), pixel % size_.count, column);
    });
    const auto at = [&](int64_t pixel) {
      return task.outputs[pixel / size_.count] + pixel % size_.count * step - output.data();
    };
    const auto check = [&](const test::PanelNumbers& numbers) {
      const kernels::PanelEpilogue epilogue = numbers.Epilogue();
      task.epilogue = &epilogue;
      test::CheckOutput(output, sums, numbers, at, [&] { kernel(task); });
    };
    test::ForEachWay(test::Ways(table_, /*with_row_terms=*/false), table_, order_, sums, random_,
                     check);
  }

 private:
  // Where each input row has it.
  using Column = std::vector<const uint8_t*>;

  static constexpr int kAround = 100;  // bytes of nobody's on either side

  int Draw(int low, int high) { return test::Draw(random_, low, high); }
  int Inputs() const { return form_.inputs[size_.rows - 1]; }
  int64_t WeightGroups() const { return int64_t{size_.rows} * form_.quads * form_.taps; }

  // Index into weights_.
  size_t At(int64_t group, int column, int i) const {
    return static_cast<size_t>((group * shape_.columns + column) * kDepthGroup + i);
  }

  // Of quad `group` in the order of kernels: of the last of a column, maybe, every other tap, with
  // two rows of the tap before and two of its own.
  int8_t PackedWeight(int64_t group, int column, int i) const {
    const int64_t row = group / form_.WeightQuads(), at = group % form_.WeightQuads();
    const int64_t last = (form_.quads - 1) * form_.taps, first = row * form_.quads * form_.taps;
    if (!form_.pairs || at < last) return weights_[At(first + at, column, i)];
    const int64_t tap = 2 * (at - last) - (i < 2 ? 1 : 0);
    return tap < 0 ? int8_t{0} : weights_[At(first + last + tap, column, i % 2)];
  }

  // Before there are pointers: offset of the first column of a run in input row `i`.
  int64_t& Begin(const SlideRun& run, int i) {
    return begins_[static_cast<size_t>(&run - runs_.data()) * kernels::kMaxSlideInputs +
                   static_cast<size_t>(i)];
  }

  // Fills runs_, but for pointers, and begins_; returns the bytes that they lie in.
  std::vector<uint8_t> DrawRuns(int channel) {
    auto left = static_cast<int>((size_.count - 1) * form_.stride + form_.taps);
    while (left > 0) {
      SlideRun run = {};
      run.count = Draw(0, 2) == 0 ? left : Draw(1, left);
      left -= static_cast<int>(run.count);
      runs_.push_back(run);
    }
    begins_.resize(runs_.size() * kernels::kMaxSlideInputs);
    int64_t end = 0;
    for (SlideRun& run : runs_) {
      for (int i = 0; i < Inputs(); ++i) {
        run.steps[i] = Draw(0, 3) == 0 ? 0 : Draw(1, 80);
        Begin(run, i) = Draw(0, 300);
        end = std::max(end, Begin(run, i) + channel + (run.count - 1) * run.steps[i]);
      }
    }
    std::vector<uint8_t> bytes(static_cast<size_t>(end + shape_.columns));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Draw(0, 4) == 0 ? 255 : Draw(0, 255));
    return bytes;
  }

  std::vector<Column> Columns(int channel) const {
    std::vector<Column> columns;
    for (const SlideRun& run : runs_) {
      for (int64_t at = 0; at < run.count; ++at) {
        Column& column = columns.emplace_back();
        for (int i = 0; i < Inputs(); ++i) {
          column.push_back(run.rows[i] + channel + at * run.steps[i]);
        }
      }
    }
    return columns;
  }

  int64_t Sum(const std::vector<Column>& columns, int row, int64_t pixel, int column) const {
    int64_t sum = 0;
    for (int i = 0; i < Inputs(); ++i) {
      for (int t = 0; t < form_.taps; ++t) {
        const int64_t group = (row * form_.quads + i / kDepthGroup) * form_.taps + t;
        const Column& from = columns[static_cast<size_t>(pixel * form_.stride + t)];
        sum += from[static_cast<size_t>(i)][column] * weights_[At(group, column, i % kDepthGroup)];
      }
    }
    return sum;
  }

  const KernelTable& table_;
  const PanelShape& shape_;
  const SlideForm& form_;
  const Size size_;
  std::mt19937 random_;
  const test::PanelOrder order_;
  std::vector<int8_t> weights_;
  pack::AlignedVector<std::byte> panel_;
  std::vector<SlideRun> runs_;
  std::vector<int64_t> begins_;
};

class SlideKernel : public testing::TestWithParam<std::string> {
 protected:
  void CheckForm(int form) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      const PanelShape& shape = table.shapes[i];
      const kernels::SlideKernel kernel = shape.lanes.slides[form];
      if (kernel == nullptr) continue;
      for (const Size& size : Sizes(shape)) {
        SCOPED_TRACE(testing::Message()
                     << shape.columns << " columns wide, " << size.rows << " rows of " << size.count
                     << " pixels, " << size.columns << " columns, seed " << seed);
        SlideProblem(table, shape, form, size, seed++).Check(kernel);
        if (HasFailure()) return;
      }
    }
  }

 private:
  static std::vector<Size> Sizes(const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int rows = 1; rows <= kernels::kMaxSlideOutputs; ++rows) {
      for (int64_t count = 1; count <= 9; ++count) {
        for (int columns = 1; columns <= shape.columns; ++columns) {
          sizes.push_back({rows, count, columns});
        }
      }
      // More than kernels keep the columns of.
      for (int64_t count = 10; count <= 36; ++count) sizes.push_back({rows, count, shape.columns});
    }
    return sizes;
  }
};

static_assert(kernels::kSlideFormCount == 6);
TEST_P(SlideKernel, ThreeTapsStride1) { CheckForm(0); }
TEST_P(SlideKernel, ThreeTapsStride2) { CheckForm(1); }
TEST_P(SlideKernel, ThreeTapsStride3) { CheckForm(2); }
TEST_P(SlideKernel, FiveTapsStride1) { CheckForm(3); }
TEST_P(SlideKernel, FiveTapsStride2) { CheckForm(4); }
TEST_P(SlideKernel, FiveTapsStride3) { CheckForm(5); }

INSTANTIATE_TEST_SUITE_P(Isa, SlideKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
