// Lane kernels: the multiplication of spread input, for every shape that has them on every ISA over
// all tails of rows, columns and depth groups, in all ways to requantize, against plain
// loops.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "dispatch/registry.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::PanelShape;
using kernels::PanelTask;

struct Size {
  int64_t rows;  // of each output that shares positions
  int columns;
  int64_t groups;
  int sharing = 1;
};

// Rows and depth groups that find their input anywhere.
class LaneProblem {
 public:
  LaneProblem(const KernelTable& table, const PanelShape& shape, const Size& size, uint32_t seed)
      : table_(table),
        shape_(shape),
        size_(size),
        random_(seed),
        order_(test::PanelOrder::Any(table, shape.vectors, random_)),
        group_bytes_(shape.vectors * table.spread_vector_bytes) {
    for (size_t i = 0; i < At(2 * kPlaces, 0, 0); ++i) {
      inputs_.push_back(static_cast<uint8_t>(Draw(0, 4) == 0 ? 255 : Draw(0, 255)));
    }
    for (size_t i = 0; i < At(size.sharing * size.groups, 0, 0); ++i) {
      weights_.push_back(static_cast<int8_t>(Draw(0, 4) == 0 ? -128 : Draw(-128, 127)));
    }
    spread_ = test::LayOutQuads(table, order_, 2 * kPlaces,
                                [this](auto... at) -> int16_t { return inputs_[At(at...)]; });
    panel_ = test::LayOutQuads(table, order_, size.sharing * size.groups,
                               [this](auto... at) -> int16_t { return weights_[At(at...)]; });
    for (int64_t r = 0; r < size.rows; ++r) {
      rows_.push_back(Draw(0, kPlaces) * group_bytes_);
    }
    for (int64_t g = 0; g < size.groups; ++g) {
      groups_.push_back(Draw(0, kPlaces - 1) * group_bytes_);
    }
  }

  void Check() {
    PanelTask task = {};
    task.input = reinterpret_cast<const uint8_t*>(spread_.data());
    task.weights = panel_.data();
    task.group_inputs = groups_.data();
    task.group_count = size_.groups;
    task.sharing = size_.sharing;
    task.share_weight_step = size_.groups * group_bytes_;
    task.columns = size_.columns;
    const test::Sums sums(size_.sharing * size_.rows, size_.columns,
                          [this](int64_t row, int column) { return Sum(row, column); });
    test::ForEachWay(test::Ways(table_, /*with_row_terms=*/size_.sharing == 1), table_, order_,
                     sums, random_, [&](const test::PanelNumbers& numbers) {
                       task.epilogue = numbers.Epilogue();
                       test::CheckKernel(shape_.lanes.multiply, task, rows_, numbers);
                     });
  }

 private:
  static constexpr int kPlaces = 24;  // where rows may begin, and groups from there

  int Draw(int low, int high) { return test::Draw(random_, low, high); }

  // Index into inputs_ and weights_.
  size_t At(int64_t group, int column, int i) const {
    return static_cast<size_t>((group * shape_.columns + column) * kDepthGroup + i);
  }

  // Of the rows of the first output that shares positions, then of the second, and so on.
  int64_t Sum(int64_t row, int column) const {
    const int64_t share = row / size_.rows, first = rows_[static_cast<size_t>(row % size_.rows)];
    int64_t sum = 0;
    for (int64_t g = 0; g < size_.groups; ++g) {
      const int64_t input = first + groups_[static_cast<size_t>(g)];
      for (int i = 0; i < kDepthGroup; ++i) {
        sum += inputs_[At(input / group_bytes_, column, i)] *
               weights_[At(share * size_.groups + g, column, i)];
      }
    }
    return sum;
  }

  const KernelTable& table_;
  const PanelShape& shape_;
  const Size size_;
  std::mt19937 random_;
  const test::PanelOrder order_;
  const int64_t group_bytes_;
  std::vector<uint8_t> inputs_;
  std::vector<int8_t> weights_;
  pack::AlignedVector<std::byte> spread_, panel_;
  std::vector<int64_t> rows_, groups_;
};

class LaneKernel : public testing::TestWithParam<std::string> {
 protected:
  template <class SizesOf>
  void ForEachShape(const SizesOf& sizes_of) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      const PanelShape& shape = table.shapes[i];
      if (shape.lanes.multiply == nullptr) continue;
      for (const Size& size : sizes_of(shape)) {
        SCOPED_TRACE(testing::Message()
                     << shape.columns << " columns wide, " << size.rows << " rows, " << size.columns
                     << " columns, " << size.groups << " groups");
        LaneProblem(table, shape, size, seed++).Check();
        if (HasFailure()) return;
      }
    }
  }
};

TEST_P(LaneKernel, RowTails) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int64_t rows = 1; rows <= 26; ++rows) sizes.push_back({rows, shape.columns, 3});
    return sizes;
  });
}

TEST_P(LaneKernel, ColumnTails) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int columns = 1; columns <= shape.columns; ++columns) sizes.push_back({9, columns, 2});
    return sizes;
  });
}

// Low tiles run several chains: each count of groups leaves some of them short.
TEST_P(LaneKernel, DepthGroups) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int64_t groups = 0; groups <= 12; ++groups) {
      for (const int64_t rows : {1, 2, 3, 8}) sizes.push_back({rows, shape.columns, groups});
    }
    sizes.push_back({1, shape.columns, 301});
    sizes.push_back({7, shape.columns, 301});
    return sizes;
  });
}

class SharedLaneKernel : public LaneKernel {};

TEST_P(SharedLaneKernel, AllTails) {
  ForEachShape([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (const int sharing : {2, 4}) {
      for (int64_t rows = 1; rows <= 18; ++rows) sizes.push_back({rows, shape.columns, 3, sharing});
      for (int columns = 1; columns <= shape.columns; columns += 3) {
        sizes.push_back({9, columns, 2, sharing});
      }
      for (const int64_t groups : {1, 14, 40}) {
        sizes.push_back({7, shape.columns, groups, sharing});
      }
    }
    return sizes;
  });
}

INSTANTIATE_TEST_SUITE_P(Isa, LaneKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

std::vector<std::string> IsasThatShare() {
  std::vector<std::string> isas = test::UsableIsas();
  std::erase_if(isas,
                [](const std::string& isa) { return !dispatch::SelectKernels(isa).shares_lanes; });
  return isas;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedLaneKernel);
INSTANTIATE_TEST_SUITE_P(Isa, SharedLaneKernel, testing::ValuesIn(IsasThatShare()), test::IsaName);

}  // namespace
}  // namespace qconv
