#include "panel_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace qconv::test {
namespace {

constexpr int64_t kIntegerFloats = int64_t{1} << 23;
constexpr int kResultsInInt16 = 30000;  // wherever they begin

}  // namespace

int Draw(std::mt19937& random, int low, int high) {
  return low + static_cast<int>(random() % static_cast<uint32_t>(high - low + 1));
}

ColumnDrawer::ColumnDrawer(const Clamps& clamps, std::vector<int64_t> accumulators,
                           std::mt19937& random)
    : clamps_(clamps), accumulators_(std::move(accumulators)), random_(random) {
  const auto [least, most] = std::minmax_element(accumulators_.begin(), accumulators_.end());
  least_ = *least;
  most_ = *most;
}

void ColumnDrawer::DrawAny(PanelColumn& c) {
  c.bias = static_cast<float>(Draw(-1000, 1000)) / 7;
  const bool huge = Draw(0, 9) == 0;
  c.multiplier = huge ? 1e7f : static_cast<float>(Draw(1, 99)) / 65536;
  AimAtTie(c);
  c.slope = c.intercept = std::numeric_limits<float>::quiet_NaN();
}

// With these and those between, the base and all accumulators plus base are floats from 2^23 on.
int64_t ColumnDrawer::LeastShift() const { return std::max<int64_t>(-least_, 0); }
int64_t ColumnDrawer::MostShift() const { return kIntegerFloats - 1 - std::max<int64_t>(most_, 0); }

// At either end of what there is room for, or between.
int64_t ColumnDrawer::DrawShift() {
  const int64_t least = LeastShift(), room = MostShift() - least;
  if (room < 0) {
    ADD_FAILURE() << "accumulators from " << least_ << " to " << most_;
    return 0;
  }
  const int where = Draw(0, 4);
  return least + (where == 0   ? 0
                  : where == 1 ? room
                               : static_cast<int64_t>(random_() % static_cast<uint64_t>(room + 1)));
}

// Spreads the accumulators over some hundred results, or over as many as there may be.
float ColumnDrawer::DrawMultiplier(int most_results, double most) {
  const int results = Draw(0, 9) == 0 ? most_results : Draw(50, 2000);
  const double part = Draw(500000, 999999) * 1e-6;
  const double steepest = results / static_cast<double>(most_ - least_ + 1);
  return static_cast<float>(std::min(steepest, most) * part);
}

void ColumnDrawer::DrawSteps(bool with_base, PanelColumn& c) {
  c.base = with_base ? static_cast<int32_t>(kIntegerBits + DrawShift()) : 0;
  constexpr int kResultsInInt32 = 2'000'000'000;
  c.multiplier = with_base ? DrawMultiplier(kResultsInInt16, /*most=*/2)
                           : DrawMultiplier(kResultsInInt32, /*most=*/10000);
  const double middle = 0.5 * static_cast<double>(least_ + most_);
  c.bias = static_cast<float>((Draw(-50, 300) - clamps_.zero_point) / c.multiplier - middle);
  AimAtTie(c);
  c.slope = c.intercept = std::numeric_limits<float>::quiet_NaN();
}

// Changes the numbers of some columns so that an accumulator leads to a product halfway between two
// results, as a rule not before the product is rounded: it matters that it is.
void ColumnDrawer::AimAtTie(PanelColumn& c) {
  if (Draw(0, 1) == 0) return;
  const int64_t accumulator =
      accumulators_[static_cast<size_t>(Draw(0, static_cast<int>(accumulators_.size()) - 1))];
  const float bias = std::nearbyintf(c.bias);
  const double sum = static_cast<double>(accumulator) + bias;
  const double result = std::nearbyint(sum * c.multiplier);
  constexpr double kFew = 2, kMany = 1000;
  if (std::abs(result) < kFew || std::abs(result) > kMany) return;
  c.bias = bias;
  c.multiplier = static_cast<float>((result + 0.5) / sum);
}

void ColumnDrawer::DrawSingleStep(PanelColumn& c) {
  c.takes_single_step = true;
  const int64_t shift = DrawShift();
  c.base = static_cast<int32_t>(kIntegerBits + shift);
  c.slope = DrawMultiplier(kResultsInInt16, /*most=*/2);
  const double middle =
      kIntegers + static_cast<double>(shift) + 0.5 * static_cast<double>(least_ + most_);
  c.intercept = static_cast<float>(kAroundZero + Draw(-50, 300) - middle * c.slope);
  c.bias = c.multiplier = std::numeric_limits<float>::quiet_NaN();
}

void ColumnDrawer::DrawWithExceptions(int count, bool hit, PanelColumn& c) {
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const auto some = static_cast<size_t>(Draw(0, static_cast<int>(accumulators_.size()) - 1));
    const int64_t near = accumulators_[some] + Draw(-100, 100);
    if (!TryExceptions(hit ? accumulators_[some] : near, c)) continue;
    std::vector<int32_t> exceptions = Exceptions(c);
    if (exceptions.empty() == hit || std::ssize(exceptions) > count) continue;
    // In any place; the others are free, or hold what is none.
    exceptions.resize(static_cast<size_t>(count),
                      Draw(0, 3) == 0 ? c.base + 1 : PanelColumn::kNoException);
    std::shuffle(exceptions.begin(), exceptions.end(), random_);
    std::copy(exceptions.begin(), exceptions.end(), c.exceptions);
    return;
  }
  ADD_FAILURE() << "no numbers for " << count << " exceptions, hit " << hit;
}

// Whether there is room for such numbers.
bool ColumnDrawer::TryExceptions(int64_t accumulator, PanelColumn& c) {
  c.multiplier = c.slope = DrawMultiplier(kResultsInInt16, /*most=*/0.5);
  const double up = Draw(clamps_.lower, clamps_.upper - 1) + 0.5;  // from byte to byte
  const double wanted = kIntegers + static_cast<double>(DrawShift() + accumulator);
  c.intercept = static_cast<float>(kAroundZero + std::nearbyint(up - wanted * c.slope));
  const double at = (kAroundZero + up - c.intercept) / c.slope;
  const bool below = Draw(0, 1) == 0;
  const double integer = below ? std::floor(at) : std::ceil(at);
  const int64_t shift = static_cast<int64_t>(integer - kIntegers) - accumulator;
  if (shift < LeastShift() || shift > MostShift()) return false;
  c.base = static_cast<int32_t>(kIntegerBits + shift);
  const double other_side = static_cast<double>(accumulator) + (below ? -0.01 : 0.01) * Draw(1, 40);
  c.bias = static_cast<float>((up - clamps_.zero_point) / c.multiplier - other_side);
  return true;
}

// All that there are among the accumulators of the test.
std::vector<int32_t> ColumnDrawer::Exceptions(const PanelColumn& c) const {
  std::vector<int32_t> exceptions;
  for (const int64_t accumulator : accumulators_) {
    const auto bits = static_cast<int32_t>(c.base + accumulator);
    if (SingleStep(bits, c.slope, c.intercept, clamps_) ==
        StepByStep(accumulator, c.bias, c.multiplier, clamps_)) {
      continue;
    }
    if (std::find(exceptions.begin(), exceptions.end(), bits) == exceptions.end()) {
      exceptions.push_back(bits);
      if (std::ssize(exceptions) > kernels::kMaxExceptions) break;
    }
  }
  return exceptions;
}

}  // namespace qconv::test
