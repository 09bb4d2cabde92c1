// AnalyzeSaturation: the worst that vpmaddubsw can do to a layer, from its weights.
//
// Layer: reference. Read next: saturating_path.h for what saturates.
#include <algorithm>
#include <cstddef>
#include <limits>

#include "qconv/saturation.h"
#include "reference/checks.h"
#include "reference/default_floats.h"
#include "reference/layer.h"
#include "reference/saturating_path.h"

namespace qconv {
namespace {

using reference::kInt16Max;
using reference::kInt16Min;

constexpr int32_t kReducedMaximum = 127;

// What the pairs of an output channel can do with inputs of 0..maximum. A pair is largest where the
// input is `maximum` under positive weights and 0 under the others, and smallest the other way
// round. Pairs share no input, so all of them can be at their worst at once.
struct Pairs {
  int64_t count = 0;                         // that can saturate
  int64_t above = 0, below = 0;              // sums of their excesses
  int32_t worst_above = 0, worst_below = 0;  // the largest ones
};

// The last of an odd number of weights is left out: alone it cannot saturate.
Pairs WorstPairs(std::span<const int8_t> weights, int32_t maximum) {
  Pairs pairs;
  for (size_t k = 0; k + 1 < weights.size(); k += 2) {
    const int8_t first = weights[k], second = weights[k + 1];
    const int32_t largest = maximum * (std::max<int32_t>(first, 0) + std::max<int32_t>(second, 0));
    const int32_t smallest = maximum * (std::min<int32_t>(first, 0) + std::min<int32_t>(second, 0));
    const int32_t above = std::max(largest - kInt16Max, 0);
    const int32_t below = std::max(kInt16Min - smallest, 0);
    pairs.count += (above | below) != 0;
    pairs.above += above;
    pairs.below += below;
    pairs.worst_above = std::max(pairs.worst_above, above);
    pairs.worst_below = std::max(pairs.worst_below, below);
  }
  return pairs;
}

int64_t RowSumExcess(int64_t products, int32_t maximum) {
  return std::max<int64_t>(products * maximum - kInt16Max, 0);
}

// No byte differs by more levels when an accumulator of magnitude `bound` at most is off by `error`
// at most. Two numbers that are d apart round to integers that are at most floor(d) + 1 apart.
int32_t LevelsAtMost(int64_t error, int64_t bound, double multiplier) {
  constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();
  constexpr double kUlp = 0x1p-24;  // of float32 rounding, relative
  const int64_t largest = bound + error;
  if (largest > kInt32Max) return 255;  // it could wrap
  // Both sums become float32, exactly up to 2^24.
  const double rounding = largest <= int64_t{1} << 24 ? 0 : 2 * kUlp * static_cast<double>(largest);
  // So do two results of each, which are below 512 in magnitude as long as the clamp to 0..255
  // does not make up for it.
  const double levels = (static_cast<double>(error) + rounding) * multiplier + 4 * kUlp * 512;
  return levels >= 255 ? 255 : static_cast<int32_t>(levels) + 1;
}

bool HasPadding(const ConvParams& params) {
  const auto positive = [](int64_t x) { return x > 0; };
  return std::any_of(params.padding.begin(), params.padding.end(), positive) ||
         std::any_of(params.padding_end.begin(), params.padding_end.end(), positive);
}

}  // namespace

SaturationReport AnalyzeSaturation(const ConvParams& params, const Quantization& quantization,
                                   std::span<const int8_t> weights, int32_t input_maximum) {
  if (input_maximum < 0 || input_maximum > 255) {
    reference::Refuse("input_maximum", input_maximum, "0..255");
  }
  const reference::Layer layer = reference::MakeLayer(params, quantization, weights, {}, {});
  const reference::DefaultFloats default_floats;
  const int32_t padding = HasPadding(layer.params) ? layer.input.zero_point : 0;
  const int32_t maximum = std::max(input_maximum, padding);
  const int64_t products = reference::Volume(layer.Depth(), layer.params.kernel);
  SaturationReport report;
  report.path = reference::ChooseSaturatingPath(layer.params);
  report.input_maximum = maximum;
  const bool short_row_sums = reference::HasShortRowSums(report.path);
  for (int64_t j = 0; j < layer.params.out_channels; ++j) {
    const int64_t zero_point = layer.weight_zero_points[static_cast<size_t>(j)];
    const bool row_sums = short_row_sums && zero_point != 0;
    const int64_t row_sum_excess = row_sums ? RowSumExcess(products, maximum) : 0;
    const Pairs pairs = WorstPairs(layer.WeightsOf(j), maximum);
    if (pairs.count == 0 && row_sum_excess == 0) continue;
    SaturatingChannel channel = {.channel = j,
                                 .pairs = pairs.count,
                                 .worst_above = pairs.worst_above,
                                 .worst_below = pairs.worst_below};
    // A row sum that is too small by n makes the accumulator too large by n * zero_point.
    const int64_t row_error = row_sum_excess * zero_point;
    channel.lowest_error = std::min<int64_t>(row_error, 0) - pairs.above;
    channel.highest_error = std::max<int64_t>(row_error, 0) + pairs.below;
    channel.levels =
        LevelsAtMost(std::max(-channel.lowest_error, channel.highest_error),
                     layer.accumulator_bounds[static_cast<size_t>(j)], double{layer.Multiplier(j)});
    report.pairs += channel.pairs;
    report.worst_excess = std::max({report.worst_excess, channel.worst_above, channel.worst_below});
    report.levels = std::max(report.levels, channel.levels);
    report.row_sum_excess = std::max(report.row_sum_excess, row_sum_excess);
    // Neither cure leaves a pair that saturates: 127 * 256 is 32512 and 255 * 128 is 32640.
    report.cured_by_reduced_range &=
        !row_sums || RowSumExcess(products, std::min(maximum, kReducedMaximum)) == 0;
    report.cured_by_small_weights &= row_sum_excess == 0;
    report.channels.push_back(channel);
  }
  return report;
}

}  // namespace qconv
