// Division with a choice of rounding, and what follows from it. For divisors > 0.
//
// Layer: pack, and above.
#pragma once

#include <algorithm>
#include <cstdint>

namespace qconv::pack {

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
constexpr int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// The least multiple of `unit` that is not below `value` >= 0.
constexpr int64_t RoundUp(int64_t value, int64_t unit) { return CeilDiv(value, unit) * unit; }

// How many of first + i * step, 0 <= i < count, are less than `at`.
constexpr int64_t StepsBefore(int64_t at, int64_t first, int64_t step, int64_t count) {
  if (at <= first) return 0;
  return std::min(step == 1 ? at - first : CeilDiv(at - first, step), count);  // nearly always 1
}

}  // namespace qconv::pack
