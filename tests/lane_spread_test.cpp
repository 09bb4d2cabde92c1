// Spread kernels: every form for every shape that has them on every ISA, against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
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
using kernels::kShuffleBytes;
using kernels::PanelShape;
using kernels::SpreadForm;
using kernels::SpreadTask;

using Bytes = pack::AlignedVector<std::byte>;

struct Positions {
  int64_t rows, count, depth_groups;
};

// Spreads pixels that lie anywhere, and end where no byte more may be read.
class SpreadProblem {
 public:
  SpreadProblem(const KernelTable& table, const PanelShape& shape, SpreadForm form,
                const Positions& positions, uint32_t seed)
      : table_(table), shape_(shape), form_(form), n_(positions), random_(seed) {
    DrawShuffles();
    task_.count = n_.count;
    task_.rows = n_.rows;
    task_.depth_groups = n_.depth_groups;
    task_.shuffles = {offsets_.data(), orders_.data()};
    task_.output_step = PositionBytes() + Draw(0, 2) * kAlignment;
    task_.output_row_step = n_.count * task_.output_step + Draw(0, 2) * kAlignment;
  }

  void Check() {
    int64_t end = 0;  // of what may be read
    int64_t begins[kDepthGroup];
    for (int i = 0; i < Pixels(); ++i) {
      begins[i] = Draw(0, 99);
      task_.steps[i] = Draw(0, 3) == 0 ? 0 : Draw(1, 80);
      task_.row_steps[i] = Draw(0, 3) == 0 ? 0 : Draw(1, 300);
      end = std::max(end, begins[i] + (n_.count - 1) * task_.steps[i] +
                              (n_.rows - 1) * task_.row_steps[i] + ReadBytes());
    }
    std::vector<uint8_t> bytes(static_cast<size_t>(end));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(Draw(0, 255));
    const test::Guarded<uint8_t> input(bytes, test::Edge::kBack);
    for (int i = 0; i < Pixels(); ++i) task_.taps[i] = input.span().data() + begins[i];
    Bytes output(static_cast<size_t>(n_.rows * task_.output_row_step + kAlignment), kUntouched);
    task_.output = output.data();
    shape_.lanes.spread[static_cast<int>(form_)](task_);
    ASSERT_EQ(output, Expected(output.size()));
  }

 private:
  static constexpr int64_t kAlignment = 64;
  static constexpr std::byte kUntouched{0x5a};

  bool TakesTaps() const {
    return form_ == SpreadForm::kTaps || form_ == SpreadForm::kShuffledTaps;
  }
  int Pixels() const { return TakesTaps() ? kDepthGroup : 1; }
  int64_t PositionBytes() const {
    return n_.depth_groups * shape_.vectors * table_.spread_vector_bytes;
  }
  int Draw(int low, int high) { return test::Draw(random_, low, high); }

  // Quads of columns that share a shuffle lie in one 128-bit lane of a vector.
  int64_t QuadShuffle(int64_t group, int column) const {
    const int nv = shape_.vectors;
    const int64_t vector = group * nv + column / kDepthGroup % nv;
    return vector * (table_.lanes / 4) + column / (4 * nv);
  }

  void DrawShuffles() {
    const int64_t shuffles =
        TakesTaps() ? (shape_.columns + 15) / 16 : QuadShuffle(n_.depth_groups, 0);
    const int near = std::min(4 * shape_.vectors, kShuffleBytes);
    const int orders = form_ == SpreadForm::kNearChannels ? near : kShuffleBytes;
    for (int64_t i = 0; i < shuffles; ++i) {
      offsets_.push_back(Draw(0, 40));
      for (int b = 0; b < kShuffleBytes; ++b) {
        orders_.push_back(static_cast<uint8_t>(Draw(0, orders - 1)));
      }
    }
  }

  int64_t ReadBytes() const {
    if (form_ == SpreadForm::kTaps || form_ == SpreadForm::kNearChannels) return shape_.columns;
    return *std::max_element(offsets_.begin(), offsets_.end()) + kShuffleBytes;
  }

  // Which byte of a pixel is byte i of a column.
  int64_t ByteOf(int64_t group, int column, int i) const {
    if (form_ == SpreadForm::kTaps) return column;
    if (form_ == SpreadForm::kShuffledTaps) {
      return offsets_[static_cast<size_t>(column / 16)] + orders_[static_cast<size_t>(column)];
    }
    const auto shuffle = static_cast<size_t>(QuadShuffle(group, column));
    const int near = 4 * shape_.vectors;
    const int64_t offset =
        form_ == SpreadForm::kNearChannels ? column / near * near : offsets_[shuffle];
    return offset + orders_[shuffle * kShuffleBytes + static_cast<size_t>(column % 4 * 4 + i)];
  }

  Bytes Expected(size_t size) const {
    Bytes expected(size, kUntouched);
    for (int64_t row = 0; row < n_.rows; ++row) {
      for (int64_t at = 0; at < n_.count; ++at) {
        const auto byte = [&](int64_t group, int column, int i) -> int16_t {
          const int tap = TakesTaps() ? i : 0;
          const uint8_t* pixel =
              task_.taps[tap] + row * task_.row_steps[tap] + at * task_.steps[tap];
          return pixel[ByteOf(group, column, i)];
        };
        const Bytes quads = test::LayOutQuads(table_, test::PanelOrder(table_, shape_.vectors),
                                              n_.depth_groups, byte);
        std::copy(quads.begin(), quads.end(),
                  expected.begin() + row * task_.output_row_step + at * task_.output_step);
      }
    }
    return expected;
  }

  const KernelTable& table_;
  const PanelShape& shape_;
  const SpreadForm form_;
  const Positions n_;
  std::mt19937 random_;
  std::vector<int64_t> offsets_;
  std::vector<uint8_t> orders_;
  SpreadTask task_ = {};
};

class SpreadKernel : public testing::TestWithParam<std::string> {
 protected:
  void CheckForm(SpreadForm form, int64_t most_groups) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      const PanelShape& shape = table.shapes[i];
      if (shape.lanes.multiply == nullptr) continue;
      for (const int64_t rows : {1, 2, 5}) {
        for (const int64_t count : {1, 2, 3, 4, 7, 16, 33}) {
          for (int64_t groups = 1; groups <= most_groups; ++groups) {
            SCOPED_TRACE(testing::Message()
                         << shape.columns << " columns wide, " << rows << " rows of " << count
                         << " positions, " << groups << " depth groups");
            SpreadProblem(table, shape, form, {rows, count, groups}, seed++).Check();
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
};

TEST_P(SpreadKernel, Taps) { CheckForm(SpreadForm::kTaps, 1); }
TEST_P(SpreadKernel, ShuffledTaps) { CheckForm(SpreadForm::kShuffledTaps, 1); }
TEST_P(SpreadKernel, Channels) { CheckForm(SpreadForm::kChannels, 4); }
TEST_P(SpreadKernel, NearChannels) { CheckForm(SpreadForm::kNearChannels, 4); }

INSTANTIATE_TEST_SUITE_P(Isa, SpreadKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

// Any number of vectors can be made up of those that have them.
TEST(LaneKernels, AreThereForAllButThreeVectors) {
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    for (int i = 0; i < table.shape_count; ++i) {
      const kernels::LaneKernels& lanes = table.shapes[i].lanes;
      const bool has = table.shapes[i].vectors != 3;
      EXPECT_EQ(lanes.multiply != nullptr, has) << isa << " " << i;
      for (const kernels::SpreadKernel spread : lanes.spread) {
        EXPECT_EQ(spread != nullptr, has) << isa << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace qconv
