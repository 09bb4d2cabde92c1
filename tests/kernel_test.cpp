// Kernels: every panel shape of every ISA over all tails of rows, columns and depth, with both
// epilogues, against plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "dispatch/registry.h"
#include "kernels/kernel_table.h"
#include "pack/weights.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::PanelShape;
using kernels::PanelTask;
using kernels::Row;

struct Size {
  int64_t rows;
  int columns;
  int64_t depth_groups;
  int64_t taps[3];
};

// One block times one panel, with numbers of its own.
class PanelProblem {
 public:
  PanelProblem(const kernels::KernelTable& table, const PanelShape& shape, const Size& size,
               bool general, uint32_t seed)
      : table_(table), shape_(shape), size_(size), general_(general), random_(seed) {
    Fill();
  }

  void Check() {
    PanelTask task = Task();
    (general_ ? shape_.general : shape_.symmetric)(task);
    for (int64_t r = 0; r < size_.rows; ++r) {
      for (int c = 0; c < kStride; ++c) {
        const uint8_t want = c >= 1 && c <= size_.columns ? Expected(r, c - 1) : kUntouched;
        ASSERT_EQ(+output_[static_cast<size_t>(r * kStride + c)], +want)
            << "row " << r << ", column " << c - 1;
      }
    }
  }

 private:
  static constexpr int kStride = kernels::kMaxColumns + 2;  // a byte of nobody's on either side
  static constexpr uint8_t kUntouched = 77;

  int64_t Depth() const { return size_.depth_groups * kDepthGroup; }
  int64_t Taps() const { return size_.taps[0] * size_.taps[1] * size_.taps[2]; }
  int Draw(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint32_t>(high - low + 1));
  }

  void Fill() {
    const auto columns = static_cast<size_t>(shape_.columns);
    input_.resize(static_cast<size_t>(size_.rows * Taps() * Depth()));
    for (uint8_t& a : input_) a = static_cast<uint8_t>(Draw(0, 4) == 0 ? 255 : Draw(0, 255));
    weights_.resize(static_cast<size_t>(Taps() * Depth()) * columns);
    for (int8_t& w : weights_) w = static_cast<int8_t>(Draw(0, 4) == 0 ? -128 : Draw(-128, 127));
    for (size_t c = 0; c < columns; ++c) {
      offsets_.push_back(Draw(-100000, 100000));
      bias_.push_back(static_cast<float>(Draw(-1000, 1000)) / 7);
      multipliers_.push_back(general_ && Draw(0, 9) == 0 ? 1e7f
                                                         : static_cast<float>(Draw(1, 99)) / 65536);
      zero_points_.push_back(general_ ? Draw(-20, 20) : 0);
    }
    for (int64_t r = 0; r < size_.rows; ++r) row_terms_.push_back(Draw(-5000, 5000));
    upper_ = general_ ? static_cast<uint8_t>(Draw(200, 255)) : 255;
    output_.assign(static_cast<size_t>(size_.rows * kStride), kUntouched);
    PackPanel();
  }

  // By the formula in pack/packed_layer.h, not by PackWeights.
  void PackPanel() {
    const bool widened = table_.weight_format == kernels::WeightFormat::kS16EvenOdd;
    for (int64_t group = 0; group < Taps() * size_.depth_groups; ++group) {
      for (int v = 0; v < shape_.vectors; ++v) {
        for (int half = 0; half < (widened ? 2 : 1); ++half) {
          for (int lane = 0; lane < table_.lanes; ++lane) {
            const int column = pack::ColumnInPanel(shape_.vectors, v, lane);
            for (int i = half; i < kDepthGroup; i += widened ? 2 : 1) {
              const int16_t w = Weight(group * kDepthGroup + i, column);
              panel_.push_back(static_cast<std::byte>(w & 0xff));
              if (widened) panel_.push_back(static_cast<std::byte>(w >> 8 & 0xff));
            }
          }
        }
      }
    }
  }

  int8_t Weight(int64_t k, int column) const {
    return weights_[static_cast<size_t>(k * shape_.columns + column)];
  }

  template <class T>
  std::vector<T> InPanelOrder(const std::vector<T>& by_column) const {
    std::vector<T> ordered;
    for (int v = 0; v < shape_.vectors; ++v) {
      for (int lane = 0; lane < table_.lanes; ++lane) {
        ordered.push_back(
            by_column[static_cast<size_t>(pack::ColumnInPanel(shape_.vectors, v, lane))]);
      }
    }
    return ordered;
  }

  PanelTask Task() {
    ordered_offsets_ = InPanelOrder(offsets_);
    ordered_bias_ = InPanelOrder(bias_);
    ordered_multipliers_ = InPanelOrder(multipliers_);
    ordered_zero_points_ = InPanelOrder(zero_points_);
    for (int64_t r = 0; r < size_.rows; ++r) {
      rows_.push_back({r * Taps() * Depth(), r * kStride});
    }
    const int64_t weight_tap = static_cast<int64_t>(panel_.size()) / std::max<int64_t>(Taps(), 1);
    PanelTask task = {};
    task.input = input_.data();
    task.output = output_.data() + 1;
    task.rows = rows_.data();
    task.row_count = size_.rows;
    int64_t taps = 1;
    for (int i = 2; i >= 0; --i) {
      task.taps[i] = {size_.taps[i], taps * Depth(), taps * weight_tap};
      taps *= size_.taps[i];
    }
    task.depth_groups = size_.depth_groups;
    task.weights = panel_.data();
    task.epilogue = {.offsets = ordered_offsets_.data(),
                     .bias = ordered_bias_.data(),
                     .multipliers = ordered_multipliers_.data(),
                     .weight_zero_points = ordered_zero_points_.data(),
                     .row_terms = general_ ? row_terms_.data() : nullptr,
                     .output_zero_point = kZeroPoint,
                     .lower = kLower,
                     .upper = upper_};
    task.columns = size_.columns;
    return task;
  }

  uint8_t Expected(int64_t row, int column) const {
    const auto c = static_cast<size_t>(column);
    int64_t raw = offsets_[c];
    for (int64_t k = 0; k < Taps() * Depth(); ++k) {
      raw += input_[static_cast<size_t>(row * Taps() * Depth() + k)] * Weight(k, column);
    }
    raw -= int64_t{zero_points_[c]} * (general_ ? row_terms_[static_cast<size_t>(row)] : 0);
    const float y = (static_cast<float>(raw) + bias_[c]) * multipliers_[c];
    const double q = std::nearbyint(static_cast<double>(y)) + kZeroPoint;
    return static_cast<uint8_t>(std::clamp<double>(q, kLower, upper_));
  }

  static constexpr int16_t kZeroPoint = 100;
  static constexpr uint8_t kLower = 30;

  const kernels::KernelTable& table_;
  const PanelShape& shape_;
  const Size size_;
  const bool general_;
  std::mt19937 random_;
  std::vector<uint8_t> input_, output_;
  std::vector<int8_t> weights_;  // [depth][column]
  std::vector<std::byte> panel_;
  std::vector<int32_t> offsets_, zero_points_, row_terms_;
  std::vector<float> bias_, multipliers_;
  uint8_t upper_ = 255;
  std::vector<int32_t> ordered_offsets_, ordered_zero_points_;
  std::vector<float> ordered_bias_, ordered_multipliers_;
  std::vector<Row> rows_;
};

class Kernel : public testing::TestWithParam<std::string> {
 protected:
  template <class SizesOf>
  void ForEachShape(const SizesOf& sizes_of) {
    const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      for (const Size& size : sizes_of(table.shapes[i])) {
        for (const bool general : {false, true}) {
          SCOPED_TRACE(testing::Message() << table.shapes[i].columns << " columns wide, "
                                          << size.rows << " rows, " << size.columns << " columns, "
                                          << size.depth_groups << " groups, general " << general);
          PanelProblem(table, table.shapes[i], size, general, seed++).Check();
          if (HasFatalFailure()) return;
        }
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
