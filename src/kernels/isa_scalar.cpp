// Scalar: the kernel contract in plain C++, for CPUs without AVX2 and as a worked example of what a
// KernelTable promises. Panels are one "vector" of eight channels.
#include <cstddef>
#include <cstdint>

#include "kernels/join_rows.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/largest_byte.inl.h"
#include "kernels/row_sums.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kColumns = 8;

// A depth group: four bytes for all columns. Unsigned: sums may wrap on the way, only the
// corrected ones are known to fit.
void AccumulateGroup(const uint8_t* a, const int8_t* b, uint32_t (&acc)[kColumns]) {
  for (int c = 0; c < kColumns; ++c, b += kDepthGroup) {
    for (int k = 0; k < kDepthGroup; ++k) acc[c] += static_cast<uint32_t>(a[k] * b[k]);
  }
}

void AccumulateListed(const PanelTask& task, const uint8_t* input, uint32_t (&acc)[kColumns]) {
  const auto* b = reinterpret_cast<const int8_t*>(task.weights);
  for (int64_t g = 0; g < task.group_count; ++g) {
    AccumulateGroup(input + task.group_inputs[g], b + g * kColumns * kDepthGroup, acc);
  }
}

void Accumulate(const PanelTask& task, const uint8_t* input, uint32_t (&acc)[kColumns]) {
  if (task.group_inputs != nullptr) return AccumulateListed(task, input, acc);
  for (int64_t i = 0; i < task.taps[0].count; ++i) {
    for (int64_t j = 0; j < task.taps[1].count; ++j) {
      for (int64_t l = 0; l < task.taps[2].count; ++l) {
        const int64_t tap[3] = {i, j, l};
        const uint8_t* a = input;
        const auto* b = reinterpret_cast<const int8_t*>(task.weights);
        for (int x = 0; x < 3; ++x) {
          a += tap[x] * task.taps[x].input_stride;
          b += tap[x] * task.taps[x].weight_stride;
        }
        for (int64_t g = 0; g < task.depth_groups; ++g) {
          AccumulateGroup(a + g * kDepthGroup, b + g * kColumns * kDepthGroup, acc);
        }
      }
    }
  }
}

// The same for spread input.
void AccumulateLanes(const PanelTask& task, const uint8_t* input, uint32_t (&acc)[kColumns]) {
  const auto* b = reinterpret_cast<const int8_t*>(task.weights);
  for (int64_t g = 0; g < task.group_count; ++g) {
    const uint8_t* a = input + task.group_inputs[g];
    for (int c = 0; c < kColumns; ++c, a += kDepthGroup, b += kDepthGroup) {
      for (int k = 0; k < kDepthGroup; ++k) acc[c] += static_cast<uint32_t>(a[k] * b[k]);
    }
  }
}

// RNE(y) + zero point, clamped; y may be beyond int32.
uint8_t Narrow(float y, const PanelEpilogue& e) {
  constexpr float kHalf = 0.5f;
  const float limited = y < -1024.0f ? -1024.0f : y > 1024.0f ? 1024.0f : y;
  int32_t rounded = static_cast<int32_t>(limited);  // towards zero; the rest is exact
  const float rest = limited - static_cast<float>(rounded);
  if (rest > kHalf || (rest == kHalf && rounded % 2 != 0)) ++rounded;
  if (rest < -kHalf || (rest == -kHalf && rounded % 2 != 0)) --rounded;
  const int32_t q = rounded + e.output_zero_point;
  return static_cast<uint8_t>(q < e.lower ? e.lower : q > e.upper ? e.upper : q);
}

using Accumulator = void (*)(const PanelTask& task, const uint8_t* input,
                             uint32_t (&acc)[kColumns]);

template <Accumulator kAccumulate>
void RunPanel(const PanelTask& task) {
  const PanelEpilogue& e = task.epilogue;
  for (int64_t r = 0; r < task.row_count; ++r) {
    uint32_t acc[kColumns];
    for (int c = 0; c < kColumns; ++c) acc[c] = static_cast<uint32_t>(e.offsets[c]);
    kAccumulate(task, task.input + task.rows[r].input, acc);
    for (int c = 0; c < task.columns; ++c) {
      const uint32_t correction = e.row_terms == nullptr
                                      ? 0u
                                      : static_cast<uint32_t>(e.row_terms[r]) *
                                            static_cast<uint32_t>(e.weight_zero_points[c]);
      const auto raw = static_cast<int32_t>(acc[c] - correction);
      const float y = (static_cast<float>(raw) + e.bias[c]) * e.multipliers[c];
      task.output[task.rows[r].output + c] = Narrow(y, e);
    }
  }
}

// Byte k of lane `lane` at position i of a row (kernel_table.h).
template <SpreadForm kForm>
uint8_t SpreadByte(const SpreadTask& task, int64_t row, int64_t i, int64_t group, int lane, int k) {
  const bool one_pixel = kForm == SpreadForm::kChannels || kForm == SpreadForm::kNearChannels;
  const int tap = one_pixel ? 0 : k;
  const uint8_t* pixel = task.taps[tap] + row * task.row_steps[tap] + i * task.steps[tap];
  if constexpr (kForm == SpreadForm::kTaps) return pixel[lane];
  if constexpr (kForm == SpreadForm::kShuffledTaps) {
    return pixel[task.shuffles.offsets[0] + task.shuffles.orders[lane]];
  }
  const int64_t shuffle = group * (kColumns / 4) + lane / 4;
  const int64_t offset = kForm == SpreadForm::kNearChannels ? lane / 4 * 4  // nv = 1
                                                            : task.shuffles.offsets[shuffle];
  return pixel[offset + task.shuffles.orders[shuffle * kShuffleBytes + lane % 4 * kDepthGroup + k]];
}

template <SpreadForm kForm>
void Spread(const SpreadTask& task) {
  for (int64_t row = 0; row < task.rows; ++row) {
    for (int64_t i = 0; i < task.count; ++i) {
      std::byte* out = task.output + row * task.output_row_step + i * task.output_step;
      for (int64_t g = 0; g < task.depth_groups; ++g) {
        for (int lane = 0; lane < kColumns; ++lane) {
          for (int k = 0; k < kDepthGroup; ++k) {
            *out++ = static_cast<std::byte>(SpreadByte<kForm>(task, row, i, g, lane, k));
          }
        }
      }
    }
  }
}

// Chains of dependent multiply-adds with values the compiler cannot know.
int64_t Spin(int64_t iterations) {
  uint8_t a[kDepthGroup] = {1, 2, 3, 4};
  int8_t b[kDepthGroup] = {5, -6, 7, -8};
  int32_t acc[kColumns] = {};
  for (int64_t i = 0; i < iterations; ++i) {
    asm volatile("" : "+m"(a), "+m"(b), "+m"(acc));
    for (int c = 0; c < kColumns; ++c) {
      for (int k = 0; k < kDepthGroup; ++k) acc[c] += a[k] * b[k];
    }
  }
  asm volatile("" : : "m"(acc));
  return iterations * kColumns * kDepthGroup;
}

}  // namespace

extern const KernelTable kScalarTable;
constexpr KernelTable kScalarTable = {
    .name = "scalar",
    .dot_product = "plain C++",
    .lanes = kColumns,
    .fuses = false,
    .weight_format = WeightFormat::kS8Quads,
    .spread_vector_bytes = kColumns * kDepthGroup,
    .shape_count = 1,
    .shapes = {{.vectors = 1,
                .columns = kColumns,
                .rows = 1,
                .even_rows = 0,
                .multiply = RunPanel<Accumulate>,
                .lanes = {.spread = {Spread<SpreadForm::kTaps>, Spread<SpreadForm::kShuffledTaps>,
                                     Spread<SpreadForm::kChannels>,
                                     Spread<SpreadForm::kNearChannels>},
                          .multiply = RunPanel<AccumulateLanes>,
                          .slides = {}},
                .transformed = {}}},
    .groups = {},
    .rotated_depth = 0,
    .group_depth = 0,
    .shares_lanes = false,
    .transforms = {},
    .join_rows = JoinRows,
    .row_sums = SumRows,
    .largest_byte = LargestByte,
    .spin = Spin,
};

}  // namespace qconv::kernels
