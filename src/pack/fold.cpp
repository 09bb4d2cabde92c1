#include "pack/fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "pack/float_text.h"
#include "pack/panel_epilogue.h"
#include "pack/weights.h"

namespace qconv::pack {
namespace {

constexpr int64_t kLargestInput = 255;
constexpr int64_t kLargestInt32 = std::numeric_limits<int32_t>::max();

// The s8 weights of one output channel and what follows from them.
struct Channel {
  std::span<const int8_t> weights;
  int64_t zero_point;
  float scale;  // input scale * weight scale
  float multiplier;
  float bias;  // in units of `scale`
};

std::string ChannelName(int64_t channel) {
  return " for output channel " + std::to_string(channel);
}

Channel MakeChannel(int64_t j, const Geometry& g, const Quantization& q,
                    std::span<const int8_t> weights, std::span<const float> bias) {
  const auto pick = [j](const auto& values) { return values[values.size() == 1 ? 0 : j]; };
  const size_t depth = static_cast<size_t>(g.DepthOfOutput());
  Channel c;
  c.weights = weights.subspan(static_cast<size_t>(j) * depth, depth);
  c.zero_point = WeightZeroPoint(q.weight_zero_points, j);
  c.scale = q.input.scale * pick(q.weight_scales);
  if (!std::isfinite(c.scale) || c.scale == 0) {
    throw std::invalid_argument("qconv: Quantization.input.scale * weight_scales is " +
                                FloatText(c.scale) + ChannelName(j) +
                                "; want a finite float32 number > 0");
  }
  c.multiplier = c.scale / q.output.scale;
  if (!std::isfinite(c.multiplier) || c.multiplier == 0) {
    throw std::invalid_argument(
        "qconv: Quantization.input.scale * weight_scales / output.scale is " +
        FloatText(c.multiplier) + ChannelName(j) + "; want a finite float32 number > 0");
  }
  c.bias = bias.empty() ? 0.0f : bias[static_cast<size_t>(j)] / c.scale;
  if (!std::isfinite(c.bias)) {
    throw std::invalid_argument("qconv: bias / (Quantization.input.scale * weight_scales) is " +
                                FloatText(c.bias) + ChannelName(j) +
                                "; want a finite float32 number");
  }
  return c;
}

// The range of sum (a - za) * (w - zw) over all inputs a in 0..input_maximum and padding, za. Each
// product is largest at one end of the range of a; the sums of either sign are attained. Saturates.
AccumulatorRange Range(const Channel& c, int64_t input_zero_point, int64_t input_maximum) {
  constexpr int64_t kEnough = int64_t{1} << 62;
  const int64_t largest = std::max(input_maximum, input_zero_point);
  AccumulatorRange range = {0, 0};
  for (const int8_t w : c.weights) {
    const int64_t weight = w - c.zero_point;
    const int64_t at_low = -input_zero_point * weight;
    const int64_t at_high = (largest - input_zero_point) * weight;
    range.most += std::max(at_low, at_high);
    range.least += std::min(at_low, at_high);
    if (range.most > kEnough || range.least < -kEnough) return {-kEnough, kEnough};
  }
  return range;
}

uint8_t QuantizeBound(float bound, const Affine& output) {
  const double steps = std::nearbyint(bound / output.scale);  // may be infinite
  return static_cast<uint8_t>(std::clamp(steps + output.zero_point, 0.0, 255.0));
}

// offsets[column] = base - input zero point * sum of the column's weights; int32 that may wrap on
// the way (as the accumulators do), because the final sum is known to fit.
void FoldColumns(const WeightReader& reader, PackedLayer& layer) {
  for (const Panel& panel : layer.panels) {
    const kernels::PanelShape& shape = layer.kernels->shapes[panel.shape];
    const ChannelGroup& group = layer.groups[static_cast<size_t>(panel.group)];
    for (int position = 0; position < shape.columns; ++position) {
      const int column = layer.Column(panel, position);
      const auto keep = [&](int64_t taps, uint32_t sum) {
        if (layer.tap_sums.empty()) return;  // no block skips taps
        layer.tap_sums[static_cast<size_t>(panel.tap_sums_offset + taps * shape.columns +
                                           position)] = static_cast<int32_t>(sum);
      };
      uint32_t sum = 0;
      for (int64_t tap = 0; tap < layer.GridTaps(); ++tap) {
        keep(tap, sum);
        for (int64_t byte = 0; byte < group.tap_bytes; ++byte) {
          sum += static_cast<uint32_t>(reader.Get(panel, column, tap, byte));
        }
      }
      keep(layer.GridTaps(), sum);
      const auto at = static_cast<size_t>(panel.column_offset + position);
      layer.offsets[at] = static_cast<int32_t>(static_cast<uint32_t>(layer.bases[at]) -
                                               uint32_t{layer.input_zero_point} * sum);
    }
  }
}

}  // namespace

void FoldQuantization(const Quantization& quantization, std::span<const int8_t> weights,
                      std::span<const float> bias, const Activation& activation,
                      PackedLayer& layer) {
  layer.input_zero_point = static_cast<uint8_t>(quantization.input.zero_point);
  const uint8_t lower = QuantizeBound(activation.lower, quantization.output);
  const uint8_t upper = QuantizeBound(activation.upper, quantization.output);
  layer.needs_row_terms = false;
  layer.accumulator_bound = 0;
  std::vector<ColumnRequantization> columns;
  for (Panel& panel : layer.panels) {
    columns.clear();
    for (int64_t j = panel.out_begin; j < panel.out_begin + panel.columns; ++j) {
      const Channel c = MakeChannel(j, layer.geometry, quantization, weights, bias);
      const AccumulatorRange all = Range(c, quantization.input.zero_point, kLargestInput);
      const int64_t bound = std::max(all.most, -all.least);
      if (bound > kLargestInt32) {
        const std::string zero_point =
            c.zero_point == 0 ? ""
                              : ", Quantization.weight_zero_points " + std::to_string(c.zero_point);
        throw std::invalid_argument("qconv: weights: the int32 accumulator could reach " +
                                    std::to_string(bound) + ChannelName(j) + zero_point +
                                    "; want a bound of at most 2147483647");
      }
      layer.accumulator_bound = std::max(layer.accumulator_bound, bound);
      const int64_t zero_point = layer.FoldsZeroPoints() ? 0 : c.zero_point;
      if (zero_point != 0) layer.needs_row_terms = true;
      columns.push_back(
          {.steps = {.bias = c.bias,
                     .multiplier = c.multiplier,
                     .zero_point = quantization.output.zero_point,
                     .lower = lower,
                     .upper = upper},
           .range = layer.input_maximum == kLargestInput
                        ? all
                        : Range(c, quantization.input.zero_point, layer.input_maximum),
           .weight_zero_point = static_cast<int32_t>(zero_point)});
    }
    SetEpilogue(columns, panel, layer);
  }
  FoldColumns(WeightReader(layer, weights, quantization.weight_zero_points), layer);
}

}  // namespace qconv::pack
