// Kernels of chains: the chained shape of every ISA that has one over all tails of rows and
// columns, chains of each length, lists of each tap and of all taps, in all ways to requantize,
// against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "dispatch/registry.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::ChainList;
using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::kMaxLinks;
using kernels::PanelShape;
using kernels::PanelTask;

struct Size {
  int64_t rows;
  int columns;
  std::array<int, kMaxLinks> counts;  // of the chains of each list
  std::array<int64_t, 3> taps;
  bool whole;
  kernels::RowRuns runs = {};
};

// One block times one panel.
class ChainProblem {
 public:
  ChainProblem(const KernelTable& table, const Size& size, uint32_t seed)
      : table_(table),
        shape_(table.shapes[kernels::kChainedShape]),
        size_(size),
        random_(seed),
        order_(table, shape_.vectors) {
    if (size.runs.count > 0) {
      rows_ = test::InputsOf(size.runs, size.rows);
    } else {
      for (int64_t r = 0; r < size.rows; ++r) rows_.push_back(Draw(0, 3 * kTapStride));
    }
    const int64_t last = *std::max_element(rows_.begin(), rows_.end());
    for (int64_t i = 0; i < last + kTaps * kTapStride; ++i) {
      input_.push_back(static_cast<uint8_t>(Draw(0, 2) == 0 ? 255 : Draw(0, 255)));
    }
    if (size.whole) {
      AddList(0);
    } else {
      for (int tap = 0; tap < Taps(); ++tap) AddList(tap);
    }
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
  static constexpr int kDepth = 20, kTapStride = kDepth + 3, kTaps = 32;

  int Draw(int low, int high) { return test::Draw(random_, low, high); }
  int Taps() const { return static_cast<int>(size_.taps[0] * size_.taps[1] * size_.taps[2]); }

  // The chains of a tap or, drawing taps, of all.
  void AddList(int tap) {
    ChainList list = {.weights = static_cast<int64_t>(weights_.size()),
                      .links = 0,
                      .first_link = static_cast<int64_t>(inputs_.size()),
                      .counts = {}};
    for (int links = kMaxLinks; links > 0; --links) {
      const int count = size_.counts[static_cast<size_t>(links - 1)];
      list.counts[links - 1] = count;
      list.links += links * count;
      for (int i = 0; i < count; ++i) AddChain(links, tap);
    }
    lists_.push_back(list);
  }

  // Weights that use up the room of both signs, the largest and least among them.
  void AddChain(int links, int tap) {
    std::vector<int> left(static_cast<size_t>(shape_.columns) * 4, 128);  // [lane][pair][sign]
    for (int link = 0; link < links; ++link) {
      inputs_.push_back(Draw(0, kDepth - kDepthGroup));
      taps_.push_back(static_cast<int16_t>(size_.whole ? Draw(0, Taps() - 1) : tap));
      for (int lane = 0; lane < shape_.columns; ++lane) {
        for (int i = 0; i < kDepthGroup; ++i) {
          const int sign = Draw(0, 1);
          int& room = left[static_cast<size_t>(lane * 4 + i / 2 * 2 + sign)];
          const int magnitude = std::min(Draw(0, 1) == 0 ? room : Draw(0, room), 128 - sign);
          room -= magnitude;
          weights_.push_back(static_cast<int8_t>(sign == 1 ? magnitude : -magnitude));
        }
      }
    }
  }

  PanelTask Task(const test::PanelNumbers& numbers) const {
    PanelTask task = {};
    task.input = input_.data();
    task.runs = size_.runs;
    int64_t taps = 1;
    for (size_t i = 3; i-- > 0;) {
      task.taps[i] = {size_.taps[i], taps * kTapStride, taps};
      taps *= size_.taps[i];
    }
    task.weights = reinterpret_cast<const std::byte*>(weights_.data());
    task.chains = lists_.data();
    task.whole_chains = size_.whole;
    task.chain_inputs = inputs_.data();
    task.chain_taps = taps_.data();
    task.epilogue = numbers.Epilogue();
    task.columns = size_.columns;
    return task;
  }

  // Over all links: which chain they are in does not matter.
  int64_t Sum(int64_t row, int column) const {
    int64_t sum = 0;
    for (size_t link = 0; link < inputs_.size(); ++link) {
      for (int i = 0; i < kDepthGroup; ++i) {
        const int64_t input =
            rows_[static_cast<size_t>(row)] + taps_[link] * kTapStride + inputs_[link] + i;
        const size_t lane =
            link * static_cast<size_t>(shape_.columns) + static_cast<size_t>(column);
        sum += input_[static_cast<size_t>(input)] *
               weights_[lane * kDepthGroup + static_cast<size_t>(i)];
      }
    }
    return sum;
  }

  const KernelTable& table_;
  const PanelShape& shape_;
  const Size size_;
  std::mt19937 random_;
  const test::PanelOrder order_;
  std::vector<int64_t> rows_;
  std::vector<uint8_t> input_;
  std::vector<ChainList> lists_;
  std::vector<int32_t> inputs_;
  std::vector<int16_t> taps_;
  std::vector<int8_t> weights_;  // [link][column][4]
};

class ChainedKernel : public testing::TestWithParam<std::string> {
 protected:
  template <class SizesOf>
  void ForEachSize(const SizesOf& sizes_of) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    const PanelShape& shape = table.shapes[kernels::kChainedShape];
    // Only where no dot product is exact.
    ASSERT_EQ(shape.vectors, table.weight_format == kernels::WeightFormat::kS16EvenOdd ? 1 : 0);
    if (shape.vectors == 0) return;
    uint32_t seed = 1;
    for (const Size& size : sizes_of(shape)) {
      SCOPED_TRACE(testing::Message() << size.rows << " rows, " << size.columns
                                      << " columns, chains " << testing::PrintToString(size.counts)
                                      << ", taps " << testing::PrintToString(size.taps));
      ChainProblem(table, size, seed++).Check();
      if (HasFailure()) return;
    }
  }
};

TEST_P(ChainedKernel, RowTails) {
  ForEachSize([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int64_t rows = 1; rows <= 3 * shape.rows + 1; ++rows) {
      for (const bool whole : {false, true}) {
        sizes.push_back({rows, shape.columns, {1, 2, 1, 2}, {1, 2, 2}, whole});
      }
    }
    return sizes;
  });
}

TEST_P(ChainedKernel, Runs) {
  ForEachSize([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (const kernels::RowRuns& runs : test::RunsOfEvenTiles(shape, /*step=*/7)) {
      for (const bool whole : {false, true}) {
        sizes.push_back({2 * runs.count + 1, shape.columns, {1, 2, 1, 2}, {1, 2, 2}, whole, runs});
      }
    }
    return sizes;
  });
}

TEST_P(ChainedKernel, ColumnTails) {
  ForEachSize([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int columns = 1; columns <= shape.columns; ++columns) {
      sizes.push_back({shape.rows + 1, columns, {1, 1, 1, 1}, {1, 1, 1}, false});
    }
    return sizes;
  });
}

TEST_P(ChainedKernel, ChainsAndTaps) {
  ForEachSize([](const PanelShape& shape) {
    std::vector<Size> sizes;
    for (int counts = 0; counts < 81; ++counts) {  // 0, 1 or 2 of each length
      const std::array<int, kMaxLinks> of_lengths = {counts % 3, counts / 3 % 3, counts / 9 % 3,
                                                     counts / 27};
      sizes.push_back({shape.rows, shape.columns, of_lengths, {1, 1, 1}, false});
      sizes.push_back({shape.rows, shape.columns, of_lengths, {2, 3, 4}, counts % 2 == 0});
    }
    for (const std::array<int64_t, 3> taps :
         {std::array<int64_t, 3>{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}) {
      sizes.push_back({shape.rows, shape.columns, {1, 1, 1, 1}, taps, false});
    }
    return sizes;
  });
}

TEST_P(ChainedKernel, LongestList) {
  ForEachSize([](const PanelShape& shape) -> std::vector<Size> {
    constexpr int kChains = kernels::kMaxWholeLinks / 10;
    static_assert(kernels::kMaxWholeLinks % 10 == 8);
    return {
        {shape.rows + 1, shape.columns, {kChains, kChains, kChains, kChains + 2}, {2, 4, 4}, true}};
  });
}

INSTANTIATE_TEST_SUITE_P(Isa, ChainedKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
