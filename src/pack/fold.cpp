#include "pack/fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "pack/fuse.h"
#include "pack/weights.h"

namespace qconv::pack {
namespace {

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
                                std::to_string(c.scale) + ChannelName(j) +
                                "; want a float32 number > 0");
  }
  c.multiplier = c.scale / q.output.scale;
  if (!std::isfinite(c.multiplier) || c.multiplier == 0) {
    throw std::invalid_argument(
        "qconv: Quantization.input.scale * weight_scales / output.scale is " +
        std::to_string(c.multiplier) + ChannelName(j) + "; want a float32 number > 0");
  }
  c.bias = bias.empty() ? 0.0f : bias[static_cast<size_t>(j)] / c.scale;
  if (!std::isfinite(c.bias)) {
    throw std::invalid_argument("qconv: bias / (Quantization.input.scale * weight_scales) is " +
                                std::to_string(c.bias) + ChannelName(j) +
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

void FoldActivation(const Activation& activation, const Affine& output, PackedLayer& layer) {
  layer.lower = QuantizeBound(activation.lower, output);
  layer.upper = QuantizeBound(activation.upper, output);
}

// offsets[column] = base - input zero point * sum of the column's weights; int32 that may wrap on
// the way (as the accumulators do), because the final sum is known to fit.
void FoldColumns(const WeightReader& reader, PackedLayer& layer) {
  for (const Panel& panel : layer.panels) {
    const kernels::PanelShape& shape = layer.kernels->shapes[panel.shape];
    const ChannelGroup& group = layer.groups[static_cast<size_t>(panel.group)];
    for (int v = 0; v < shape.vectors; ++v) {
      for (int lane = 0; lane < layer.kernels->lanes; ++lane) {
        const int position = v * layer.kernels->lanes + lane;
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
}

// How a column is requantized in registers.
struct InRegisters {
  std::optional<int32_t> base;  // of steps; none: not in registers
  std::optional<FusedRequantization> fused;
};

InRegisters RequantizeInRegisters(const Requantization& channel, AccumulatorRange range,
                                  bool fuses) {
  InRegisters column;
  if (fuses) {
    column.base = BaseInFloats(channel, range);
    if (column.base) column.fused = Fuse(channel, range);
    return column;
  }
  // There are three roundings on the way to this; well below 2^31 none of them matters.
  constexpr double kSafelyInt32 = 2e9;
  const auto largest = static_cast<double>(std::max(range.most, -range.least));
  if ((largest + std::abs(channel.bias)) * channel.multiplier < kSafelyInt32) column.base = 0;
  return column;
}

// The dearer a column is, the more it wants to be in a vector of its like.
int Cost(const InRegisters& column) {
  return column.fused ? static_cast<int>(column.fused->exceptions.size())
                      : kernels::kMaxExceptions + 1;
}

void SetOrder(std::span<const InRegisters> columns, const Panel& panel, PackedLayer& layer) {
  const int vectors = layer.kernels->shapes[panel.shape].vectors, lanes = layer.kernels->lanes;
  std::vector<int> costs(static_cast<size_t>(vectors * lanes));
  if (layer.kernels->fuses && panel.epilogue.in_registers && vectors > 1 &&
      layer.feed != Feed::kLanes)
    std::transform(columns.begin(), columns.end(), costs.begin(), Cost);
  const std::vector<uint8_t> order = ColumnsByCost(vectors, lanes, costs);
  std::copy(order.begin(), order.end(), layer.columns.begin() + panel.column_offset);
  const std::vector<uint8_t> bytes = ByteOrder(vectors, lanes, order);
  std::copy(bytes.begin(), bytes.end(), layer.byte_orders.begin() + panel.byte_order_offset);
}

// Writes the numbers of a column at its position, which its vector's mode may not need.
void SetInRegisters(const InRegisters& column, int v, int lane, Panel& panel, PackedLayer& layer) {
  const int64_t lanes = layer.kernels->lanes, vector = panel.column_offset + v * lanes;
  const auto at = static_cast<size_t>(vector + lane);
  int8_t& exception_count = panel.epilogue.exception_counts[v];
  if (!column.fused) {
    layer.bases[at] = *column.base;
    exception_count = kernels::kNotFused;
    return;
  }
  layer.bases[at] = column.fused->base;
  layer.slopes[at] = column.fused->slope;
  layer.intercepts[at] = column.fused->intercept;
  auto next = static_cast<size_t>(vector * kernels::kMaxExceptions + lane);
  for (const int32_t exception : column.fused->exceptions) {
    layer.exceptions[next] = exception;
    next += static_cast<size_t>(lanes);
  }
  if (exception_count == kernels::kNotFused) return;
  exception_count = std::max(exception_count, static_cast<int8_t>(Cost(column)));
}

// The numbers of all panels are where they will stay.
void SetEpilogues(PackedLayer& layer) {
  for (Panel& panel : layer.panels) {
    kernels::PanelEpilogue& e = panel.epilogue;
    e.offsets = layer.offsets.data() + panel.column_offset;
    e.slopes = layer.slopes.data() + panel.column_offset;
    e.intercepts = layer.intercepts.data() + panel.column_offset;
    e.exceptions = layer.exceptions.data() + panel.column_offset * kernels::kMaxExceptions;
    e.byte_order = layer.byte_orders.data() + panel.byte_order_offset;
    e.bases = layer.bases.data() + panel.column_offset;
    e.bias = layer.bias.data() + panel.column_offset;
    e.multipliers = layer.multipliers.data() + panel.column_offset;
    e.weight_zero_points = layer.weight_zero_points.data() + panel.column_offset;
    e.row_terms = nullptr;
    e.output_zero_point = layer.output_zero_point;
    e.lower = layer.lower;
    e.upper = layer.upper;
  }
}

}  // namespace

void FoldQuantization(const Quantization& quantization, std::span<const int8_t> weights,
                      std::span<const float> bias, const Activation& activation,
                      PackedLayer& layer) {
  layer.input_zero_point = static_cast<uint8_t>(quantization.input.zero_point);
  layer.output_zero_point = static_cast<int16_t>(quantization.output.zero_point);
  FoldActivation(activation, quantization.output, layer);
  layer.needs_row_terms = false;
  layer.accumulator_bound = 0;
  const auto requantization = [&](const Channel& c) {
    return Requantization{.bias = c.bias,
                          .multiplier = c.multiplier,
                          .zero_point = quantization.output.zero_point,
                          .lower = layer.lower,
                          .upper = layer.upper};
  };
  const auto zero_point_left = [&](const Channel& c) {
    return layer.FoldsZeroPoints() ? 0 : c.zero_point;
  };
  for (Panel& panel : layer.panels) {
    std::vector<Channel> channels;
    std::vector<InRegisters> columns;
    panel.epilogue.in_registers = true;
    for (int64_t j = panel.out_begin; j < panel.out_begin + panel.columns; ++j) {
      const Channel c = MakeChannel(j, layer.geometry, quantization, weights, bias);
      const AccumulatorRange all = Range(c, quantization.input.zero_point, 255);
      const int64_t bound = std::max(all.most, -all.least);
      if (bound > kLargestInt32) {
        throw std::invalid_argument("qconv: weights: the int32 accumulator could reach " +
                                    std::to_string(bound) + ChannelName(j) +
                                    "; want a bound of at most 2147483647");
      }
      layer.accumulator_bound = std::max(layer.accumulator_bound, bound);
      if (zero_point_left(c) != 0) {
        layer.needs_row_terms = true;
        panel.epilogue.in_registers = false;
      }
      columns.emplace_back();
      if (panel.epilogue.in_registers) {
        const auto range = Range(c, quantization.input.zero_point, layer.input_maximum);
        columns.back() = RequantizeInRegisters(requantization(c), range, layer.kernels->fuses);
        panel.epilogue.in_registers = columns.back().base.has_value();
      }
      channels.push_back(c);
    }
    SetOrder(columns, panel, layer);
    std::fill(std::begin(panel.epilogue.exception_counts),
              std::end(panel.epilogue.exception_counts), int8_t{0});
    const int vectors = layer.kernels->shapes[panel.shape].vectors, lanes = layer.kernels->lanes;
    for (int position = 0; position < vectors * lanes; ++position) {
      const int column = layer.Column(panel, position);
      if (column >= panel.columns) continue;  // stays zero
      const Channel& c = channels[static_cast<size_t>(column)];
      const auto at = static_cast<size_t>(panel.column_offset + position);
      layer.bias[at] = c.bias;
      layer.multipliers[at] = c.multiplier;
      layer.weight_zero_points[at] = static_cast<int32_t>(zero_point_left(c));
      if (panel.epilogue.in_registers) {
        SetInRegisters(columns[static_cast<size_t>(column)], position / lanes, position % lanes,
                       panel, layer);
      }
    }
  }
  FoldColumns(WeightReader(layer, weights, quantization.weight_zero_points), layer);
  SetEpilogues(layer);
}

}  // namespace qconv::pack
