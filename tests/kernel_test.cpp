// Kernels: every panel shape of every ISA over all tails of rows, columns and depth, in all ways
// to requantize, against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dispatch/registry.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::PanelShape;
using kernels::PanelTask;

struct Size {
  int64_t rows;
  int columns;
  int64_t depth_groups;
  int64_t taps[3];
  kernels::RowRuns runs = {};
};

// One block times one panel.
class PanelProblem {
 public:
  PanelProblem(const kernels::KernelTable& table, const PanelShape& shape, const Size& size,
               uint32_t seed)
      : table_(table),
        shape_(shape),
        size_(size),
        random_(seed),
        order_(test::PanelOrder::Any(table, shape.vectors, random_)) {
    if (size_.runs.count > 0) {
      rows_ = test::InputsOf(size_.runs, size_.rows);
    } else {
      for (int64_t r = 0; r < size_.rows; ++r) rows_.push_back(r * Taps() * Depth());
    }
    input_.resize(static_cast<size_t>(rows_.back() + Taps() * Depth()));
    for (uint8_t& a : input_) a = static_cast<uint8_t>(Draw(0, 4) == 0 ? 255 : Draw(0, 255));
    weights_.resize(static_cast<size_t>(Taps() * Depth() * shape_.columns));
    for (int8_t& w : weights_) w = static_cast<int8_t>(Draw(0, 4) == 0 ? -128 : Draw(-128, 127));
    panel_ = test::LayOutQuads(table, order_, Taps() * size_.depth_groups,
                               [this](int64_t group, int column, int i) {
                                 return Weight(group * kDepthGroup + i, column);
                               });
  }

  void Check() {
    const test::Sums sums(size_.rows, size_.columns,
                          [this](int64_t row, int column) { return Sum(row, column); });
    test::ForEachWay(test::Ways(table_, /*with_row_terms=*/true), table_, order_, sums, random_,
                     [&](const test::PanelNumbers& numbers) {
                       test::CheckKernel(shape_.multiply, Task(numbers), rows_, numbers);
                     });
  }

 private:
  int64_t Depth() const { return size_.depth_groups * kDepthGroup; }
  int64_t Taps() const { return size_.taps[0] * size_.taps[1] * size_.taps[2]; }
  int Draw(int low, int high) { return test::Draw(random_, low, high); }

  int8_t Weight(int64_t k, int column) const {
    return weights_[static_cast<size_t>(k * shape_.columns + column)];
  }

  PanelTask Task(const test::PanelNumbers& numbers) const {
    const int64_t weight_tap = static_cast<int64_t>(panel_.size()) / std::max<int64_t>(Taps(), 1);
    PanelTask task = {};
    task.input = input_.data();
    task.runs = size_.runs;
    int64_t taps = 1;
    for (int i = 2; i >= 0; --i) {
      task.taps[i] = {size_.taps[i], taps * Depth(), taps * weight_tap};
      taps *= size_.taps[i];
    }
    task.depth_groups = size_.depth_groups;
    task.weights = panel_.data();
    task.epilogue = numbers.Epilogue();
    task.columns = size_.columns;
    return task;
  }

  int64_t Sum(int64_t row, int column) const {
    int64_t sum = 0;
    for (int64_t k = 0; k < Taps() * Depth(); ++k) {
      const int64_t at = rows_[static_cast<size_t>(row)] + k;
      sum += input_[static_cast<size_t>(at)] * Weight(k, column);
    }
    return sum;
  }

  const kernels::KernelTable& table_;
  const PanelShape& shape_;
  const Size size_;
  std::mt19937 random_;
  const test::PanelOrder order_;
  std::vector<int64_t> rows_;
  std::vector<uint8_t> input_;
  std::vector<int8_t> weights_;  // [depth][column]
  pack::AlignedVector<std::byte> panel_;
};

class Kernel : public testing::TestWithParam<std::string> {
 protected:
  template <class SizesOf>
  void ForEachShape(const SizesOf& sizes_of) {
    const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      for (const Size& size : sizes_of(table.shapes[i])) {
        SCOPED_TRACE(testing::Message()
                     << table.shapes[i].columns << " columns wide, " << size.rows << " rows, "
                     << size.columns << " columns, " << size.depth_groups << " groups");
        PanelProblem(table, table.shapes[i], size, seed++).Check();
        if (HasFailure()) return;
      }
    }
  }
};

TEST_P(Kernel, RowTails) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int64_t rows = 1; rows <= 3 * shape.rows + 1; ++rows) {
      sizes.push_back({rows, shape.columns, 3, {1, 1, 1}});
    }
    return sizes;
  });
}

TEST_P(Kernel, Runs) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (const kernels::RowRuns& runs : test::RunsOfEvenTiles(shape, /*step=*/6)) {
      const int64_t rows = 2 * runs.count + 1;
      sizes.push_back({rows, shape.columns, 3, {1, 2, 1}, runs});   // a list of groups
      sizes.push_back({rows, shape.columns, 11, {1, 1, 1}, runs});  // one tap
      sizes.push_back({rows, shape.columns, 11, {1, 2, 1}, runs});  // loops over taps
    }
    return sizes;
  });
}

TEST_P(Kernel, ColumnTails) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int columns = 1; columns <= shape.columns; ++columns) {
      sizes.push_back({shape.rows + 1, columns, 2, {1, 1, 1}});
    }
    return sizes;
  });
}

TEST_P(Kernel, DepthAndTaps) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int64_t groups = 0; groups <= 9; ++groups) {
      sizes.push_back({shape.rows, shape.columns, groups, {1, 1, 1}});
      sizes.push_back({shape.rows, shape.columns, groups, {2, 3, 4}});
    }
    sizes.push_back({shape.rows, shape.columns, 2, {0, 1, 1}});
    sizes.push_back({shape.rows, shape.columns, 2, {1, 0, 1}});
    sizes.push_back({shape.rows, shape.columns, 2, {1, 1, 0}});
    sizes.push_back({shape.rows, shape.columns, 300, {1, 1, 1}});
    return sizes;
  });
}

INSTANTIATE_TEST_SUITE_P(Isa, Kernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
