// ChannelNumbers: draws what an output channel does to its accumulators, for tests of packing.
//
// Read next: fuse_test.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "pack/fuse.h"

namespace qconv::test {

class ChannelNumbers {
 public:
  explicit ChannelNumbers(uint32_t seed) : random_(seed) {}

  int64_t Int(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  double Real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  // Of all orders of magnitude alike.
  float Logarithmic(double low, double high) {
    return static_cast<float>(std::exp(Real(std::log(low), std::log(high))));
  }
  template <class T>
  T Pick(const std::vector<T>& values) {
    return values[static_cast<size_t>(Int(0, std::ssize(values) - 1))];
  }

  // Around zero, or on one side of it.
  pack::AccumulatorRange Range(int64_t count) {
    const int64_t below = Pick<int64_t>({Int(0, count - 1), Int(0, count - 1), 0, count - 1});
    return {-below, count - 1 - below};
  }

  float Bias(pack::AccumulatorRange range) {
    const auto magnitude = static_cast<double>(range.most - range.least + 2);
    const float biases[] = {0.0f,
                            -0.0f,
                            static_cast<float>(Int(-1000, 1000)),
                            0.5f + static_cast<float>(Int(-1000, 1000)),
                            static_cast<float>(Real(-1, 1)),
                            static_cast<float>(Real(-magnitude, magnitude)),
                            static_cast<float>(Real(-magnitude, magnitude)),
                            static_cast<float>(Real(-1e7, 1e7)),
                            static_cast<float>(Int(-1, 1)) * Logarithmic(1e5, 1e30),
                            1e-40f,
                            -std::numeric_limits<float>::denorm_min()};
    return biases[Int(0, std::ssize(biases) - 1)];
  }

  // Of which accumulators make most of the bytes, or any.
  float Multiplier(pack::AccumulatorRange range) {
    const auto count = static_cast<double>(range.most - range.least + 1);
    switch (Int(0, 5)) {
      case 0:
        return Logarithmic(0x1p-16, 4);
      case 1:
        return std::ldexp(1.0f, static_cast<int>(Int(-16, 2)));
      case 2:  // short fractions: ties
        return std::ldexp(static_cast<float>(Int(1, 255)), static_cast<int>(Int(-22, -6)));
      case 3:  // with neighbours of another exponent
        return std::nextafterf(std::ldexp(1.0f, static_cast<int>(Int(-14, 1))),
                               static_cast<float>(Int(0, 1) * 10));
      default:
        return static_cast<float>(std::clamp(Real(30, 3000) / count, 0x1p-16, 4.0));
    }
  }

  pack::Requantization Channel(pack::AccumulatorRange range) {
    const std::vector<int32_t> zero_points = {0, 255, 128, static_cast<int32_t>(Int(0, 255))};
    const std::vector<std::pair<int32_t, int32_t>> clamps = {
        {0, 255}, {0, 255}, {Int(0, 255), 255}, {0, Int(0, 255)}, {17, 17}, {60, 61}, {0, 0}};
    const auto [lower, upper] = Pick(clamps);
    return {.bias = Bias(range),
            .multiplier = Multiplier(range),
            .zero_point = Pick(zero_points),
            .lower = lower,
            .upper = upper};
  }

 private:
  std::mt19937 random_;
};

}  // namespace qconv::test
