#include "pack/fuse.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "kernels/kernel_table.h"
#include "pack/integers.h"

namespace qconv::pack {
namespace {

constexpr int64_t kUnitFloats = int64_t{1} << 23;  // the floats from 2^23 to 2^24 are integers
constexpr int32_t kUnitFloatBits = 0x4b000000;     // of 2^23
constexpr int64_t kResultZero = static_cast<int64_t>(kernels::kResultZero);
constexpr int kSlopeBits = 24;

uint8_t Byte(const Requantization& channel, int64_t accumulator) {
  const float sum = static_cast<float>(accumulator) + channel.bias;
  const double rounded = std::nearbyint(sum * channel.multiplier);
  return static_cast<uint8_t>(
      std::clamp<double>(rounded + channel.zero_point, channel.lower, channel.upper));
}

// A step of the staircase: accumulators up to `last` lead to `value` or less, others to more. It
// may be one below the range, or the end of the range.
struct Step {
  int64_t value, last;
};

// Where the step is without rounding, unless rounding could matter: then it is looked for.
Step FindStep(const Requantization& channel, AccumulatorRange range, int64_t value) {
  // Two roundings to float move it by a 2^23rd of the sum at most; twice that is more than those of
  // the doubles here add.
  constexpr double kRounding = 0x1p-22;
  const double least = static_cast<double>(range.least), most = static_cast<double>(range.most);
  const double sum = (static_cast<double>(value - channel.zero_point) + 0.5) / channel.multiplier;
  const double exact = sum - channel.bias, floor = std::floor(exact);
  auto low = static_cast<int64_t>(std::clamp(floor, least - 1, most));
  const double uncertain = (std::abs(sum) + std::abs(channel.bias)) * kRounding;
  if (exact - floor > uncertain && floor + 1 - exact > uncertain) return {value, low};

  const auto at_most = [&](int64_t acc) { return Byte(channel, acc) <= value; };
  int64_t high = low + 1;
  if (low >= range.least && !at_most(low)) {
    high = low;
    low = range.least - 1;
  } else if (high <= range.most && at_most(high)) {
    low = high;
    high = range.most + 1;
  }
  while (high - low > 1) {  // at_most(low), not at_most(high), if they are in the range
    const int64_t middle = low + (high - low) / 2;
    (at_most(middle) ? low : high) = middle;
  }
  return {value, low};
}

struct Interval {
  int64_t low, high;  // both included
  bool empty() const { return low > high; }
};

// A / 2^e
struct Slope {
  int64_t numerator;
  int exponent;

  int64_t one() const { return int64_t{1} << exponent; }
};

// Sums acc * A + D that round to at most `value`: up to this one.
int64_t LastSum(const Slope& slope, int64_t value) {
  const bool tie_rounds_up = value % 2 != 0;
  return value * slope.one() + slope.one() / 2 - (tie_rounds_up ? 1 : 0);
}

// The D that put a step where it is.
Interval WantedBy(const Step& step, const Slope& slope, AccumulatorRange range) {
  const int64_t last_sum = LastSum(slope, step.value);
  Interval wanted = {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  if (step.last >= range.least) wanted.high = last_sum - step.last * slope.numerator;
  if (step.last < range.most) wanted.low = last_sum + 1 - (step.last + 1) * slope.numerator;
  return wanted;
}

// The D for which all results are in s16.
Interval WithinWords(const Slope& slope, AccumulatorRange range) {
  return {std::numeric_limits<int16_t>::min() * slope.one() - range.least * slope.numerator,
          std::numeric_limits<int16_t>::max() * slope.one() - range.most * slope.numerator};
}

// The D that all steps want but for as many as may be left out beside those that are; empty if
// there are none. One of the interval that begins last and the one that ends first must be left
// out, as these two have no point in common.
Interval WantedByMost(std::span<const Interval> wanted, const Interval& allowed,
                      int may_be_left_out, std::vector<size_t> left_out = {}) {
  Interval common = allowed;
  std::optional<size_t> begins_last, ends_first;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].low <= common.low && wanted[i].high >= common.high) continue;
    if (std::find(left_out.begin(), left_out.end(), i) != left_out.end()) continue;
    if (wanted[i].low > common.low) {
      common.low = wanted[i].low;
      begins_last = i;
    }
    if (wanted[i].high < common.high) {
      common.high = wanted[i].high;
      ends_first = i;
    }
  }
  if (!common.empty() || may_be_left_out == 0) return common;
  for (const std::optional<size_t>& outlier : {begins_last, ends_first}) {
    if (!outlier) continue;
    left_out.push_back(*outlier);
    const Interval rest = WantedByMost(wanted, allowed, may_be_left_out - 1, left_out);
    if (!rest.empty()) return rest;
    left_out.pop_back();
  }
  return common;
}

// The least x >= 0 with a * x mod m in low..high, where 0 <= low <= high < m, 0 <= a < m; -1 if
// there is none. Euclid's algorithm: if no multiple of a is in the interval itself, then
// m * y + low..high must hold one, and y solves a smaller problem.
int64_t FirstMultiple(int64_t a, int64_t m, int64_t low, int64_t high) {
  if (low == 0) return 0;
  if (a == 0) return -1;
  const int64_t x = CeilDiv(low, a);
  if (x * a <= high) return x;
  const auto negative = [a](int64_t value) { return (a - value % a) % a; };
  const int64_t y = FirstMultiple(m % a, a, negative(high), negative(low));
  return y < 0 ? -1 : CeilDiv(low + m * y, a);
}

int64_t Modulo(int64_t a, int64_t m) { return (a % m + m) % m; }

// Steps D may take: a shift and what D is then.
struct Shift {
  int64_t shift, d;
};

// The least shift that leads to a D of the interval.
std::optional<Shift> FindShift(const Slope& slope, AccumulatorRange range, const Interval& wanted) {
  const int64_t one = slope.one(), least = -range.least, most = kUnitFloats - 1 - range.most;
  const int64_t start = Modulo((kUnitFloats + least) * slope.numerator, one);
  const int64_t length = std::min(wanted.high - wanted.low, one - 1);
  const int64_t low = Modulo(wanted.low - start, one), high = low + length;
  const int64_t steps =
      high >= one ? 0 : FirstMultiple(slope.numerator % one, one, low, high);  // 0 is in it
  if (steps < 0 || least + steps > most) return {};
  const int64_t beyond = Modulo(start + Modulo(slope.numerator * steps, one) - wanted.low, one);
  return Shift{least + steps, wanted.low + beyond};
}

// Accumulators that D leads to another byte.
std::vector<int64_t> Exceptions(const std::vector<Step>& steps, const Slope& slope,
                                AccumulatorRange range, int64_t d) {
  std::vector<int64_t> exceptions;
  for (const Step& step : steps) {
    const int64_t last = std::clamp(FloorDiv(LastSum(slope, step.value) - d, slope.numerator),
                                    range.least - 1, range.most);
    const int64_t begin = std::min(last, step.last) + 1, end = std::max(last, step.last) + 1;
    for (int64_t acc = begin; acc < end; ++acc) {
      if (exceptions.size() > kernels::kMaxExceptions) return exceptions;
      if (std::find(exceptions.begin(), exceptions.end(), acc) == exceptions.end()) {
        exceptions.push_back(acc);
      }
    }
  }
  return exceptions;
}

std::optional<FusedRequantization> FuseWith(const Slope& slope, const std::vector<Step>& steps,
                                            AccumulatorRange range, int outliers) {
  const Interval allowed = WithinWords(slope, range);
  if (allowed.empty()) return {};
  std::vector<Interval> by_step(steps.size());
  std::transform(steps.begin(), steps.end(), by_step.begin(),
                 [&](const Step& step) { return WantedBy(step, slope, range); });
  const Interval wanted = WantedByMost(by_step, allowed, outliers);
  if (wanted.empty()) return {};
  const auto found = FindShift(slope, range, wanted);
  if (!found) return {};
  const int64_t n = (found->d - (kUnitFloats + found->shift) * slope.numerator) / slope.one();
  const int64_t intercept = kResultZero + n;
  if (std::abs(intercept) > 2 * kUnitFloats) return {};  // not a float
  FusedRequantization fused;
  fused.base = static_cast<int32_t>(kUnitFloatBits + found->shift);
  fused.slope = std::ldexp(static_cast<float>(slope.numerator), -slope.exponent);
  fused.intercept = static_cast<float>(intercept);
  for (const int64_t acc : Exceptions(steps, slope, range, found->d)) {
    fused.exceptions.push_back(static_cast<int32_t>(fused.base + acc));
  }
  if (fused.exceptions.size() > kernels::kMaxExceptions) return {};
  return fused;
}

}  // namespace

std::optional<FusedRequantization> Fuse(const Requantization& channel, AccumulatorRange range) {
  int exponent;
  const float fraction = std::frexp(channel.multiplier, &exponent);
  const Slope nearest = {static_cast<int64_t>(std::ldexp(fraction, kSlopeBits)),
                         kSlopeBits - exponent};
  constexpr int kLeastExponent = 2;  // there is a half; larger ones have no intercept
  constexpr int kMostExponent = 38;  // products stay within int64
  if (nearest.exponent < kLeastExponent || nearest.exponent > kMostExponent) return {};
  std::vector<Step> steps;
  steps.reserve(std::numeric_limits<uint8_t>::max());
  for (int64_t value = channel.lower; value < channel.upper; ++value) {
    steps.push_back(FindStep(channel, range, value));
  }
  for (int outliers = 0; outliers <= kernels::kMaxExceptions; ++outliers) {
    for (const int64_t neighbour : {0, 1, -1}) {
      const Slope slope = {nearest.numerator + neighbour, nearest.exponent};
      if (auto fused = FuseWith(slope, steps, range, outliers)) return fused;
    }
  }
  return {};
}

std::optional<int32_t> BaseInFloats(const Requantization& channel, AccumulatorRange range) {
  constexpr double kSafelyInt16 = 32000;
  const auto largest = static_cast<double>(std::max(range.most, -range.least));
  if (range.most - range.least >= kUnitFloats ||
      (largest + std::abs(channel.bias)) * channel.multiplier >= kSafelyInt16) {
    return {};
  }
  return static_cast<int32_t>(kUnitFloatBits - range.least);
}

}  // namespace qconv::pack
