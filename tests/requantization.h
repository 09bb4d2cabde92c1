// The formulas of requantization ("Numerics" in README.md; kernels/kernel_table.h), in plain code.
//
// Shares no code with what it checks. Read next: panel_numbers.h, fuse_test.cpp.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace qconv::test {

// Floats from here to twice as much are the integers.
inline constexpr float kIntegers = 0x1p23f;
inline constexpr int32_t kIntegerBits = std::bit_cast<int32_t>(kIntegers);
// Results of a single step are in the low bits of floats around this one.
inline constexpr float kAroundZero = 0x1.8p23f;

struct Clamps {
  int zero_point, lower, upper;

  uint8_t Apply(double rounded) const {
    return static_cast<uint8_t>(std::clamp<double>(rounded + zero_point, lower, upper));
  }
};

inline uint8_t StepByStep(int64_t accumulator, float bias, float multiplier, const Clamps& clamps) {
  const float result = (static_cast<float>(accumulator) + bias) * multiplier;
  return clamps.Apply(std::nearbyintf(result));
}

// Before the clamp; `bits` are base plus accumulator.
inline float SingleStepFloat(int32_t bits, float slope, float intercept) {
  return std::fma(std::bit_cast<float>(bits), slope, intercept);
}

// The low 16 bits of it.
inline int16_t LowWord(float result) {
  return static_cast<int16_t>(std::bit_cast<uint32_t>(result) & 0xffff);
}

inline uint8_t SingleStep(int32_t bits, float slope, float intercept, const Clamps& clamps) {
  const int result = LowWord(SingleStepFloat(bits, slope, intercept));
  return static_cast<uint8_t>(std::clamp(result, clamps.lower, clamps.upper));
}

}  // namespace qconv::test
