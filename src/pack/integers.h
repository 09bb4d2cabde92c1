// Division with a choice of rounding. For divisors > 0.
//
// Layer: pack, and above.
#pragma once

#include <cstdint>

namespace qconv::pack {

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
constexpr int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// The least multiple of `unit` that is not below `value` >= 0.
constexpr int64_t RoundUp(int64_t value, int64_t unit) { return CeilDiv(value, unit) * unit; }

}  // namespace qconv::pack
