#include "panel_numbers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "pack/weights.h"

namespace qconv::test {
namespace {

template <class T>
std::vector<T> InPanelOrder(const kernels::KernelTable& table, int vectors,
                            const std::vector<T>& by_column) {
  std::vector<T> ordered;
  for (int v = 0; v < vectors; ++v) {
    for (int lane = 0; lane < table.lanes; ++lane) {
      ordered.push_back(by_column[static_cast<size_t>(pack::ColumnInPanel(vectors, v, lane))]);
    }
  }
  return ordered;
}

}  // namespace

int Draw(std::mt19937& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<uint32_t>(high - low + 1));
}

PanelNumbers::PanelNumbers(const kernels::KernelTable& table, const kernels::PanelShape& shape,
                           int64_t rows, bool general, std::mt19937& random)
    : general_(general) {
  for (int c = 0; c < shape.columns; ++c) {
    offsets_.push_back(Draw(random, -100000, 100000));
    bias_.push_back(static_cast<float>(Draw(random, -1000, 1000)) / 7);
    const bool huge = general && Draw(random, 0, 9) == 0;
    multipliers_.push_back(huge ? 1e7f : static_cast<float>(Draw(random, 1, 99)) / 65536);
    zero_points_.push_back(general ? Draw(random, -20, 20) : 0);
  }
  for (int64_t r = 0; r < rows; ++r) row_terms_.push_back(Draw(random, -5000, 5000));
  upper_ = general ? static_cast<uint8_t>(Draw(random, 200, 255)) : 255;
  ordered_offsets_ = InPanelOrder(table, shape.vectors, offsets_);
  ordered_zero_points_ = InPanelOrder(table, shape.vectors, zero_points_);
  ordered_bias_ = InPanelOrder(table, shape.vectors, bias_);
  ordered_multipliers_ = InPanelOrder(table, shape.vectors, multipliers_);
}

kernels::PanelEpilogue PanelNumbers::Epilogue() const {
  return {.offsets = ordered_offsets_.data(),
          .bias = ordered_bias_.data(),
          .multipliers = ordered_multipliers_.data(),
          .weight_zero_points = ordered_zero_points_.data(),
          .row_terms = general_ ? row_terms_.data() : nullptr,
          .output_zero_point = kZeroPoint,
          .lower = kLower,
          .upper = upper_};
}

uint8_t PanelNumbers::Expected(int64_t sum, int64_t row, int column) const {
  const auto c = static_cast<size_t>(column);
  int64_t raw = sum + offsets_[c];
  if (general_) raw -= int64_t{zero_points_[c]} * row_terms_[static_cast<size_t>(row)];
  const float y = (static_cast<float>(raw) + bias_[c]) * multipliers_[c];
  const double q = std::nearbyint(static_cast<double>(y)) + kZeroPoint;
  return static_cast<uint8_t>(std::clamp<double>(q, kLower, upper_));
}

pack::AlignedVector<std::byte> LayOutQuads(const kernels::KernelTable& table, int vectors,
                                           int64_t groups, const QuadByte& byte) {
  const bool widened = table.weight_format == kernels::WeightFormat::kS16EvenOdd;
  const int halves = widened ? 2 : 1;  // even bytes, then odd ones
  pack::AlignedVector<std::byte> bytes;
  for (int64_t group = 0; group < groups; ++group) {
    for (int v = 0; v < vectors; ++v) {
      for (int half = 0; half < halves; ++half) {
        for (int lane = 0; lane < table.lanes; ++lane) {
          const int column = pack::ColumnInPanel(vectors, v, lane);
          for (int i = half; i < kernels::kDepthGroup; i += halves) {
            const int16_t value = byte(group, column, i);
            bytes.push_back(static_cast<std::byte>(value & 0xff));
            if (widened) bytes.push_back(static_cast<std::byte>(value >> 8 & 0xff));
          }
        }
      }
    }
  }
  return bytes;
}

void CheckKernel(kernels::PanelKernel kernel, kernels::PanelTask task,
                 const std::vector<int64_t>& inputs, const ExpectedByte& expected) {
  constexpr int kStride = kernels::kMaxColumns + 2;  // a byte of nobody's on either side
  constexpr uint8_t kUntouched = 77;
  std::vector<kernels::Row> rows;
  for (const int64_t input : inputs) {
    rows.push_back({input, static_cast<int64_t>(rows.size()) * kStride});
  }
  std::vector<uint8_t> output(rows.size() * kStride, kUntouched);
  task.output = output.data() + 1;
  task.rows = rows.data();
  task.row_count = static_cast<int64_t>(rows.size());
  kernel(task);
  for (int64_t r = 0; r < task.row_count; ++r) {
    for (int c = 0; c < kStride; ++c) {
      const uint8_t want = c >= 1 && c <= task.columns ? expected(r, c - 1) : kUntouched;
      ASSERT_EQ(+output[static_cast<size_t>(r * kStride + c)], +want)
          << "row " << r << ", column " << c - 1;
    }
  }
}

}  // namespace qconv::test
