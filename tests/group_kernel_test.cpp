// Longer than 250 lines: the kernel is rebuilt here step by step, by the formula.
// Group kernels: both strides, quads shuffled, broadcast and rotated, over all counts of pixels,
// rows, kernel rows, depth groups and columns, in all ways to requantize, against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "guarded.h"
#include "kernels/kernel_table.h"
#include "pack/columns.h"
#include "panel_numbers.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::GroupTask;
using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::kGroupTaps;

enum class Quads { kShuffled, kBroadcast, kRotated };

struct Size {
  int rows;   // of output
  int count;  // pixels of each
  int kernel_rows, depth_groups;
  int columns;  // of output channels
};

void PrintTo(const Size& size, std::ostream* out) {
  *out << size.rows << " rows of " << size.count << " pixels, " << size.kernel_rows
       << " kernel rows, " << size.depth_groups << " depth groups, " << size.columns << " columns";
}

// Pixels that lie anywhere. No byte may be read after the last one, no pointer that is not needed.
class GroupProblem {
 public:
  GroupProblem(const KernelTable& table, int vectors, int stride, Quads quads, const Size& size,
               uint32_t seed)
      : table_(table),
        shape_(table.shapes[vectors - 1]),
        stride_(stride),
        quads_(quads),
        size_(size),
        random_(seed),
        order_(quads == Quads::kRotated ? test::PanelOrder::OfLanes(table, vectors, random_)
                                        : test::PanelOrder(table, vectors)) {
    const int64_t groups = int64_t{size.kernel_rows} * kGroupTaps * size.depth_groups;
    for (size_t i = 0; i < At(groups, 0, 0); ++i) {
      weights_.push_back(static_cast<int8_t>(Draw(0, 4) == 0 ? -128 : Draw(-128, 127)));
    }
    panel_ = test::LayOutQuads(table, order_, groups,
                               [this](auto... at) -> int16_t { return weights_[At(at...)]; });
    for (size_t i = 0; i < OrderAt(size.depth_groups, 0, 0); ++i) {
      orders_.push_back(static_cast<uint8_t>(Draw(0, kernels::kGroupBytes - 1)));
    }
    FillColumns();
  }

  void Check(kernels::GroupKernel kernel) {
    const test::Guarded<uint8_t> input(DrawInput(), test::Edge::kBack);
    std::vector<const uint8_t*> pointers;
    for (const int64_t begin : begins_) {
      // Of columns that no pixel needs, not even the pointer.
      pointers.push_back(begin == kNowhere ? nullptr : input.span().data() + begin);
    }
    const test::Guarded<const uint8_t*> columns(pointers, test::Edge::kBack);
    const int step = Draw(size_.columns, size_.columns + 9);
    const int64_t pitch = size_.count * step + Draw(0, 9);
    std::vector<uint8_t> output(static_cast<size_t>(2 * kAround + size_.rows * pitch));
    const bool upwards = Draw(0, 1) == 1;
    const int64_t first = kAround + (upwards ? (size_.rows - 1) * pitch : 0);
    GroupTask task = {
        .columns = columns.span().data(),
        .column_count = column_count_,
        .channel = channel_,
        .kernel_rows = size_.kernel_rows,
        .depth_groups = size_.depth_groups,
        .orders = quads_ == Quads::kBroadcast ? nullptr : orders_.data(),
        .output = output.data() + first,
        .rows = size_.rows,
        .count = size_.count,
        .output_row_step = upwards ? -pitch : pitch,
        .output_step = step,
        .weights = panel_.data(),
        .epilogue = nullptr,
        .valid_columns = size_.columns,
    };
    const test::Sums sums(size_.rows * size_.count, size_.columns, [&](int64_t pixel, int column) {
      const auto of_all = static_cast<int>(pixel);
      return Sum(pointers, of_all / size_.count, of_all % size_.count, column);
    });
    const auto at = [&](int64_t pixel) {
      return first + pixel / size_.count * task.output_row_step + pixel % size_.count * step;
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
  static constexpr int kAround = 100;  // bytes of nobody's on either side
  static constexpr int64_t kNowhere = -1;

  int Draw(int low, int high) { return test::Draw(random_, low, high); }

  // Index into weights_.
  size_t At(int64_t group, int column, int i) const {
    return static_cast<size_t>((group * shape_.columns + column) * kDepthGroup + i);
  }

  // Index into orders_.
  size_t OrderAt(int64_t group, int lane, int i) const {
    return static_cast<size_t>((group * table_.lanes + lane) * kDepthGroup + i);
  }

  // What kernels may read of a pixel.
  int ReadBytes() const {
    if (quads_ == Quads::kShuffled) return kernels::kGroupBytes;
    return (quads_ == Quads::kRotated ? table_.lanes : size_.depth_groups) * kDepthGroup;
  }

  // Where each column begins.
  void FillColumns() {
    const int needed = (size_.count - 1) * stride_ + kGroupTaps;
    column_count_ = needed + Draw(0, 3);
    channel_ = Draw(0, 40);
    for (int row = 0; row < size_.rows * size_.kernel_rows; ++row) {
      for (int64_t column = 0; column < column_count_; ++column) {
        begins_.push_back(column < needed ? Draw(0, 300) : kNowhere);
      }
    }
  }

  // All that the columns are in, and not one byte more.
  std::vector<uint8_t> DrawInput() {
    const int64_t last = *std::max_element(begins_.begin(), begins_.end());
    std::vector<uint8_t> bytes(static_cast<size_t>(last + channel_ + ReadBytes()));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Draw(0, 4) == 0 ? 255 : Draw(0, 255));
    return bytes;
  }

  int LaneOf(int column) const {
    int position = 0;
    while (order_.Column(position / table_.lanes, position % table_.lanes) != column) ++position;
    return position % table_.lanes;
  }

  // Which byte of a pixel a lane multiplies.
  int Byte(int group, int lane, int i) const {
    switch (quads_) {
      case Quads::kShuffled:
        return orders_[OrderAt(group, lane, i)];
      case Quads::kBroadcast:
        return group * kDepthGroup + i;
      case Quads::kRotated:
        break;
    }
    const int first = lane / pack::kLaneColumns * pack::kLaneBytes;
    return group == 0 ? lane * kDepthGroup + i : first + orders_[OrderAt(group, lane, i)];
  }

  int64_t Sum(const std::vector<const uint8_t*>& columns, int row, int pixel, int column) const {
    const int lane = LaneOf(column);
    int64_t sum = 0;
    for (int j = 0; j < size_.kernel_rows; ++j) {
      for (int t = 0; t < kGroupTaps; ++t) {
        const int64_t at = (row * size_.kernel_rows + j) * column_count_ + pixel * stride_ + t;
        const uint8_t* from = columns[static_cast<size_t>(at)] + channel_;
        for (int k = 0; k < size_.depth_groups; ++k) {
          for (int i = 0; i < kDepthGroup; ++i) {
            const int64_t group = (j * kGroupTaps + t) * size_.depth_groups + k;
            sum += from[Byte(k, lane, i)] * weights_[At(group, column, i)];
          }
        }
      }
    }
    return sum;
  }

  const KernelTable& table_;
  const kernels::PanelShape& shape_;
  const int stride_;
  const Quads quads_;
  const Size size_;
  std::mt19937 random_;
  const test::PanelOrder order_;
  std::vector<int8_t> weights_;
  pack::AlignedVector<std::byte> panel_;
  pack::AlignedVector<uint8_t> orders_;
  std::vector<int64_t> begins_;  // [output row][kernel row][column]
  int64_t column_count_ = 0, channel_ = 0;
};

constexpr int kMostPixels = 2 * kernels::kMaxGroupPixels + 1;  // three steps
constexpr int kMostRows = 3, kMostKernelRows = 4, kMostDepthGroups = 4;

// All sizes of `width` columns; with fewer all counts of pixels, the others taking turns.
std::vector<Size> Sizes(int width) {
  std::vector<Size> sizes;
  for (int count = 1; count <= kMostPixels; ++count) {
    for (int rows = 1; rows <= kMostRows; ++rows) {
      for (int kernel_rows = 1; kernel_rows <= kMostKernelRows; ++kernel_rows) {
        for (int depth_groups = 1; depth_groups <= kMostDepthGroups; ++depth_groups) {
          sizes.push_back({rows, count, kernel_rows, depth_groups, width});
        }
      }
    }
    for (int columns = 1; columns < width; ++columns) {
      const int turn = static_cast<int>(sizes.size());
      sizes.push_back({1 + turn % kMostRows, count, 1 + turn / 3 % kMostKernelRows,
                       1 + turn / 5 % kMostDepthGroups, columns});
    }
  }
  return sizes;
}

class GroupKernel : public testing::TestWithParam<std::string> {
 protected:
  void Check(int vectors, int stride, Quads quads) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    const kernels::GroupKernel kernel = table.groups[vectors - 1][stride - 1];
    const int depth = quads == Quads::kRotated ? table.rotated_depth : table.group_depth;
    EXPECT_EQ(kernel != nullptr, depth > 0);
    if (depth == 0) return;
    uint32_t seed = 1;
    const int width = vectors * table.lanes;
    for (const Size& size : Sizes(width)) {
      SCOPED_TRACE(testing::Message()
                   << vectors << " vectors, " << testing::PrintToString(size) << ", seed " << seed);
      GroupProblem(table, vectors, stride, quads, size, seed++).Check(kernel);
      if (HasFailure()) return;
    }
  }
};

static_assert(kernels::kGroupStrides == 3 && kernels::kGroupVectors == 2);
TEST_P(GroupKernel, ShuffledStride1) { Check(1, 1, Quads::kShuffled); }
TEST_P(GroupKernel, ShuffledStride2) { Check(1, 2, Quads::kShuffled); }
TEST_P(GroupKernel, ShuffledStride3) { Check(1, 3, Quads::kShuffled); }
TEST_P(GroupKernel, BroadcastStride1) { Check(1, 1, Quads::kBroadcast); }
TEST_P(GroupKernel, BroadcastStride2) { Check(1, 2, Quads::kBroadcast); }
TEST_P(GroupKernel, BroadcastToTwoVectorsStride1) { Check(2, 1, Quads::kBroadcast); }
TEST_P(GroupKernel, BroadcastToTwoVectorsStride2) { Check(2, 2, Quads::kBroadcast); }
TEST_P(GroupKernel, RotatedStride1) { Check(kernels::kRotatedVectors, 1, Quads::kRotated); }
TEST_P(GroupKernel, RotatedStride2) { Check(kernels::kRotatedVectors, 2, Quads::kRotated); }
TEST_P(GroupKernel, RotatedStride3) { Check(kernels::kRotatedVectors, 3, Quads::kRotated); }

INSTANTIATE_TEST_SUITE_P(Isa, GroupKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
