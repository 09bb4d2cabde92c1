// Longer than 250 lines: one subject, in many small cases.
// The single step of a channel against the steps one by one, for every accumulator of its range;
// and that most channels have one.
#include "pack/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "channel_numbers.h"
#include "kernels/kernel_table.h"
#include "requantization.h"

namespace qconv {
namespace {

using pack::AccumulatorRange;
using pack::FusedRequantization;
using pack::Requantization;

constexpr int64_t kMostAccumulators = int64_t{1} << 23;

std::string Text(const Requantization& c, AccumulatorRange range) {
  return (testing::Message() << std::hexfloat << "bias " << c.bias << ", multiplier "
                             << c.multiplier << std::dec << ", zero point " << c.zero_point
                             << ", clamp " << c.lower << ".." << c.upper << ", accumulators "
                             << range.least << ".." << range.most)
      .GetString();
}

// Whether a float is an integer whose low 16 bits stand for a result in s16.
bool IsResult(float result) {
  return result >= test::kAroundZero - 32768 && result <= test::kAroundZero + 32767;
}

// What kernels make of each accumulator of the range, against the definition.
void CheckFused(const Requantization& c, AccumulatorRange range, const FusedRequantization& fused) {
  SCOPED_TRACE(Text(c, range));
  const test::Clamps clamps = {c.zero_point, c.lower, c.upper};
  std::vector<int32_t> differing;
  for (int64_t acc = range.least; acc <= range.most; ++acc) {
    const auto bits = static_cast<int32_t>(fused.base + acc);
    const float x = std::bit_cast<float>(bits);
    const float result = test::SingleStepFloat(bits, fused.slope, fused.intercept);
    if (!(x >= test::kIntegers && x < 2 * test::kIntegers) || !IsResult(result)) {
      FAIL() << "accumulator " << acc << ": " << x << " to " << result;
    }
    const int byte = std::clamp<int>(test::LowWord(result), c.lower, c.upper);
    if (byte != test::StepByStep(acc, c.bias, c.multiplier, clamps)) differing.push_back(bits);
  }
  std::vector<int32_t> exceptions = fused.exceptions;
  std::sort(exceptions.begin(), exceptions.end());
  ASSERT_LE(exceptions.size(), size_t{kernels::kMaxExceptions});
  ASSERT_EQ(differing, exceptions);
}

// The same of the steps with floats, from a base on.
void CheckSteps(const Requantization& c, AccumulatorRange range, int32_t base) {
  SCOPED_TRACE(Text(c, range));
  const test::Clamps clamps = {c.zero_point, c.lower, c.upper};
  ASSERT_GE(base, test::kIntegerBits);
  for (int64_t acc = range.least; acc <= range.most; ++acc) {
    const auto x = std::bit_cast<float>(static_cast<int32_t>(base + acc));
    const float sum = x - std::bit_cast<float>(base);
    const float result = (sum + c.bias) * c.multiplier + kernels::kResultZero;
    const auto word = static_cast<int16_t>(test::LowWord(result) + c.zero_point);
    const int byte = std::clamp<int>(word, c.lower, c.upper);
    if (sum != static_cast<float>(acc) || !IsResult(result) ||
        !IsResult(result + static_cast<float>(c.zero_point)) ||
        byte != test::StepByStep(acc, c.bias, c.multiplier, clamps)) {
      FAIL() << "accumulator " << acc << ": " << x << " to " << result;
    }
  }
}

// How channels of a kind fared.
struct Count {
  int channels = 0, fused = 0, without_exceptions = 0, with_exceptions = 0, with_base = 0;

  void Check(const Requantization& c, AccumulatorRange range) {
    ++channels;
    if (const auto channel = pack::Fuse(c, range)) {
      ++fused;
      ++(channel->exceptions.empty() ? without_exceptions : with_exceptions);
      CheckFused(c, range, *channel);
    }
    if (const auto base = pack::BaseInFloats(c, range)) {
      ++with_base;
      CheckSteps(c, range, *base);
    }
  }
};

// Of all kinds, on ranges of all lengths.
TEST(Fuse, AnyChannels) {
  test::ChannelNumbers numbers(1);
  Count count;
  for (int i = 0; i < 6000 && !HasFailure(); ++i) {
    const auto most = i % 100 == 0 ? static_cast<double>(kMostAccumulators) : 100000;
    const auto range = numbers.Range(static_cast<int64_t>(numbers.Logarithmic(1, most)));
    count.Check(numbers.Channel(range), range);
  }
  EXPECT_GT(count.without_exceptions, 2500);
  EXPECT_GT(count.channels - count.fused, 500);
  EXPECT_GT(count.with_base, 2500);
}

// Long ranges, which leave little choice: of some channels a few accumulators are exceptions.
TEST(Fuse, WithExceptions) {
  test::ChannelNumbers numbers(2);
  Count count;
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    const AccumulatorRange range = {-numbers.Int(300000, 700000), numbers.Int(300000, 700000)};
    count.Check({.bias = static_cast<float>(numbers.Real(-1e5, 1e5)),
                 .multiplier = static_cast<float>(numbers.Real(1e-4, 1e-3)),
                 .zero_point = 128,
                 .lower = 0,
                 .upper = 255},
                range);
  }
  EXPECT_GT(count.without_exceptions, 50);
  EXPECT_GT(count.with_exceptions, 10);
}

// The longest ranges, on every side of zero. There is room for one base only, and a bias that suits
// it.
TEST(Fuse, LongestRanges) {
  Count count;
  constexpr int64_t kLast = kMostAccumulators - 1;
  for (const AccumulatorRange& range : {AccumulatorRange{-kLast, 0},
                                        {0, kLast},
                                        {-kLast / 2, kLast - kLast / 2},
                                        {-1, kLast - 1}}) {
    for (const float multiplier : {0x1p-9f, 0x1.8p-9f}) {
      const Requantization c = {.bias = static_cast<float>(-range.least % 1024),
                                .multiplier = multiplier,
                                .zero_point = 128,
                                .lower = 0,
                                .upper = 255};
      count.Check(c, range);
      if (HasFailure()) return;
      EXPECT_FALSE(pack::BaseInFloats(c, {range.least - 1, range.most}));
      EXPECT_FALSE(pack::BaseInFloats(c, {range.least, range.most + 1}));
    }
  }
  EXPECT_EQ(count.without_exceptions, count.channels);
  EXPECT_EQ(count.with_base, count.channels);
}

// Ranges of a few accumulators, {0, 0} among them, whose staircases have a step or none.
TEST(Fuse, ShortRanges) {
  test::ChannelNumbers numbers(3);
  Count count;
  for (int i = 0; i < 40000 && !HasFailure(); ++i) {
    const AccumulatorRange range = numbers.Range(1 + i % 20);
    count.Check(numbers.Channel(range), range);
  }
  EXPECT_GT(count.without_exceptions, 20000);
}

// Exact ties at every step or at some of them: to even, and the right way of it.
TEST(Fuse, Ties) {
  Count count;
  for (const float multiplier : {1.0f, 0.5f, 0.25f, 0.125f, 0.75f, 1.5f, 0.1875f, 0x1p-10f}) {
    for (const float bias : {0.0f, 0.5f, -0.5f, 0.25f, 1.0f, -1.0f, 2.0f, 3.0f, 100.5f}) {
      for (const int32_t zero_point : {0, 1, 2, 127, 128, 255}) {
        const Requantization c = {.bias = bias,
                                  .multiplier = multiplier,
                                  .zero_point = zero_point,
                                  .lower = 0,
                                  .upper = 255};
        count.Check(c, {-3000, 3000});
        if (HasFailure()) return;
      }
    }
  }
  // Some of these staircases are no line's: 0, 2, 2, 4, 4, ...
  EXPECT_GT(count.without_exceptions, 300);
}

// Where a sum of accumulator and bias is rounded the staircase is uneven.
TEST(Fuse, RoundedSums) {
  test::ChannelNumbers numbers(4);
  Count count;
  for (int i = 0; i < 500 && !HasFailure(); ++i) {
    const auto bias = static_cast<float>(numbers.Real(1e6, 6e7) * (i % 2 == 0 ? 1 : -1));
    const auto multiplier = numbers.Logarithmic(1e-4, 1e-2);
    const auto range = numbers.Range(100000);
    const auto middle = static_cast<int32_t>(-bias * multiplier);
    if (std::abs(middle) > 32000) continue;
    count.Check(
        {.bias = bias, .multiplier = multiplier, .zero_point = 100, .lower = 0, .upper = 255},
        range);
  }
  EXPECT_GT(count.fused, 100);
}

// Channels like those of real layers have a single step, nearly all without exceptions.
TEST(Fuse, OrdinaryChannels) {
  struct {
    const char* name;
    int64_t most;
    double multiplier;
    int32_t lower;
    double without_exceptions, fused;
  } const kinds[] = {{"depthwise 3x3", 120000, 0.004, 0, 0.9, 1},
                     {"with Relu", 120000, 0.004, 100, 0.9, 1},
                     {"depthwise 5x5", 300000, 0.002, 0, 0.8, 0.99},
                     {"1x1", 1000000, 0.002, 0, 0.8, 0.95}};
  for (const auto& kind : kinds) {
    SCOPED_TRACE(kind.name);
    test::ChannelNumbers numbers(5);
    int fused = 0, without_exceptions = 0;
    constexpr int kChannels = 500;
    for (int i = 0; i < kChannels && !HasFailure(); ++i) {
      const AccumulatorRange range = {-numbers.Int(kind.most / 3, kind.most),
                                      numbers.Int(kind.most / 3, kind.most)};
      const Requantization c = {
          .bias = static_cast<float>(numbers.Real(-10000, 10000)),
          .multiplier = static_cast<float>(kind.multiplier * numbers.Real(0.5, 2)),
          .zero_point = static_cast<int32_t>(numbers.Int(0, 255)),
          .lower = kind.lower,
          .upper = 255};
      const auto channel = pack::Fuse(c, range);
      EXPECT_TRUE(pack::BaseInFloats(c, range));
      if (!channel) continue;
      ++fused;
      if (channel->exceptions.empty()) ++without_exceptions;
      if (i % 10 == 0) CheckFused(c, range, *channel);
    }
    EXPECT_GE(fused, kind.fused * kChannels);
    EXPECT_GE(without_exceptions, kind.without_exceptions * kChannels);
  }
}

// Up to which results the steps are done with floats.
TEST(BaseInFloats, WantsResultsInS16) {
  const auto in_floats = [](float bias, float multiplier, AccumulatorRange range) {
    const Requantization c = {
        .bias = bias, .multiplier = multiplier, .zero_point = 255, .lower = 0, .upper = 255};
    const auto base = pack::BaseInFloats(c, range);
    if (base) CheckSteps(c, range, *base);
    return base.has_value();
  };
  EXPECT_TRUE(in_floats(0, 1, {-31000, 31000}));
  EXPECT_FALSE(in_floats(0, 1, {-33000, 0}));
  EXPECT_FALSE(in_floats(0, 1, {0, 33000}));
  EXPECT_TRUE(in_floats(31000, 1, {0, 0}));
  EXPECT_FALSE(in_floats(-33000, 1, {0, 0}));
  EXPECT_FALSE(in_floats(20000, 1, {0, 20000}));
  EXPECT_TRUE(in_floats(1e30f, 1e-27f, {-100, 100}));
  EXPECT_FALSE(in_floats(1e30f, 1, {-100, 100}));
  EXPECT_FALSE(in_floats(3e38f, 3e38f, {-100, 100}));
  EXPECT_TRUE(in_floats(0, 1e-40f, {-100, 100}));
}

}  // namespace
}  // namespace qconv
