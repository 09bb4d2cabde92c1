#include "pack/fuse.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

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

// Looks for the step near where it is without rounding, then everywhere.
Step FindStep(const Requantization& channel, AccumulatorRange range, int64_t value) {
  constexpr double kNear = 2;
  const double guess =
      (static_cast<double>(value - channel.zero_point) + 0.5) / channel.multiplier - channel.bias;
  const auto limited = [range](double x) {
    return static_cast<int64_t>(
        std::clamp(x, static_cast<double>(range.least) - 1, static_cast<double>(range.most)));
  };
  const auto at_most = [&](int64_t acc) { return Byte(channel, acc) <= value; };
  int64_t low = limited(guess - kNear), high = limited(guess + kNear) + 1;
  if (low >= range.least && !at_most(low)) low = range.least - 1;
  if (high <= range.most && at_most(high)) high = range.most + 1;
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

Interval Intersection(const Interval& a, const Interval& b) {
  return {std::max(a.low, b.low), std::min(a.high, b.high)};
}

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

// The D that most of the steps want, of those allowed.
Interval WantedByMost(const std::vector<Interval>& wanted, const Interval& allowed) {
  std::vector<std::pair<int64_t, int>> changes;  // of how many want D, from this D on
  for (const Interval& one : wanted) {
    const Interval rest = Intersection(one, allowed);
    if (rest.empty()) continue;
    changes.emplace_back(rest.low, 1);
    changes.emplace_back(rest.high + 1, -1);
  }
  std::sort(changes.begin(), changes.end());
  Interval best = allowed;
  int count = 0, most = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    count += changes[i].second;
    if (count <= most) continue;
    most = count;
    best = {changes[i].first, changes[i + 1].first - 1};
  }
  return best;
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
                                            AccumulatorRange range, bool exactly) {
  Interval wanted = WithinWords(slope, range);
  if (wanted.empty()) return {};
  std::vector<Interval> by_step;
  for (const Step& step : steps) by_step.push_back(WantedBy(step, slope, range));
  if (exactly) {
    for (const Interval& one : by_step) wanted = Intersection(wanted, one);
    if (wanted.empty()) return {};
  } else {
    wanted = WantedByMost(by_step, wanted);
  }
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
  constexpr int kLeastExponent = 2, kMostExponent = 38;  // products stay within int64
  if (nearest.exponent < kLeastExponent || nearest.exponent > kMostExponent) return {};
  std::vector<Step> steps;
  for (int64_t value = channel.lower; value < channel.upper; ++value) {
    steps.push_back(FindStep(channel, range, value));
  }
  std::optional<FusedRequantization> best;
  for (const bool exactly : {true, false}) {
    for (const int64_t neighbour : {0, 1, -1}) {
      const Slope slope = {nearest.numerator + neighbour, nearest.exponent};
      auto fused = FuseWith(slope, steps, range, exactly);
      if (fused && (!best || fused->exceptions.size() < best->exceptions.size())) {
        best = std::move(fused);
      }
      if (best && best->exceptions.empty()) return best;
    }
  }
  return best;
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
