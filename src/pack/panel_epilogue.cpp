#include "pack/panel_epilogue.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>
#include <vector>

#include "pack/columns.h"

namespace qconv::pack {
namespace {

// How a column is requantized in registers.
struct InRegisters {
  int32_t base = 0;
  std::optional<FusedRequantization> fused;
};

// Nothing if it is not.
std::optional<InRegisters> MakeInRegisters(const ColumnRequantization& column, bool fuses) {
  if (column.weight_zero_point != 0) return {};
  if (!fuses) {
    // There are three roundings on the way to this; well below 2^31 none of them matters.
    constexpr double kSafelyInt32 = 2e9;
    const auto largest = static_cast<double>(std::max(column.range.most, -column.range.least));
    const double result = (largest + std::abs(column.steps.bias)) * column.steps.multiplier;
    return result < kSafelyInt32 ? std::optional(InRegisters()) : std::nullopt;
  }
  const std::optional<int32_t> base = BaseInFloats(column.steps, column.range);
  if (!base) return {};
  auto fused = Fuse(column.steps, column.range);
  return InRegisters{.base = fused ? fused->base : *base, .fused = std::move(fused)};
}

// Of all columns, or of none.
std::vector<InRegisters> MakeAllInRegisters(std::span<const ColumnRequantization> columns,
                                            bool fuses) {
  std::vector<InRegisters> all;
  for (const ColumnRequantization& column : columns) {
    auto in_registers = MakeInRegisters(column, fuses);
    if (!in_registers) return {};
    all.push_back(*std::move(in_registers));
  }
  return all;
}

// The dearer a column is, the more it should be in a vector with its like.
int Cost(const InRegisters& column) {
  return column.fused ? static_cast<int>(column.fused->exceptions.size())
                      : kernels::kMaxExceptions + 1;
}

void SetOrder(std::span<const InRegisters> columns, const Panel& panel, PackedLayer& layer) {
  const int vectors = layer.kernels->shapes[panel.shape].vectors, lanes = layer.kernels->lanes;
  std::vector<int> costs(static_cast<size_t>(vectors * lanes));
  const bool fuses = layer.kernels->fuses, rotates = layer.RotatesQuads(panel);
  // A single vector has nothing to gain, and that of a chain wants the natural order (chains.cpp);
  // so does interleaved input.
  if (fuses && vectors > 1 && (layer.feed != Feed::kLanes || rotates)) {
    std::transform(columns.begin(), columns.end(), costs.begin(), Cost);
  }
  int share = kLaneColumns;
  // Rotated lanes have the input of a group. With nothing to gain they keep to themselves.
  if (rotates) share = fuses ? static_cast<int>(layer.spread.depth_groups) : 1;
  const std::vector<uint8_t> order = ColumnsByCost(vectors, lanes, costs, share);
  std::copy(order.begin(), order.end(), layer.columns.begin() + panel.column_offset);
  const std::vector<uint8_t> bytes = ByteOrder(vectors, lanes, order);
  std::copy(bytes.begin(), bytes.end(), layer.byte_orders.begin() + panel.byte_order_offset);
}

// Writes the numbers of a column in its place, whether or not its vector turns out to need them.
void SetInRegisters(const InRegisters& column, int vector, int lane, Panel& panel,
                    PackedLayer& layer) {
  const int64_t lanes = layer.kernels->lanes, begin = panel.column_offset + vector * lanes;
  const auto at = static_cast<size_t>(begin + lane);
  int8_t& exception_count = panel.epilogue.exception_counts[vector];
  layer.bases[at] = column.base;
  if (!column.fused) {
    exception_count = kernels::kNotFused;
    return;
  }
  layer.slopes[at] = column.fused->slope;
  layer.intercepts[at] = column.fused->intercept;
  auto next = static_cast<size_t>(begin * kernels::kMaxExceptions + lane);
  for (const int32_t exception : column.fused->exceptions) {
    layer.exceptions[next] = exception;
    next += static_cast<size_t>(lanes);
  }
  if (exception_count == kernels::kNotFused) return;
  exception_count = std::max(exception_count, static_cast<int8_t>(Cost(column)));
}

// The arrays are where they will stay.
void Point(Panel& panel, const PackedLayer& layer) {
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
}

}  // namespace

void SetEpilogue(std::span<const ColumnRequantization> columns, Panel& panel, PackedLayer& layer) {
  const std::vector<InRegisters> in_registers = MakeAllInRegisters(columns, layer.kernels->fuses);
  Point(panel, layer);
  kernels::PanelEpilogue& e = panel.epilogue;
  e.in_registers = !in_registers.empty();
  std::fill(std::begin(e.exception_counts), std::end(e.exception_counts), int8_t{0});
  const Requantization& steps = columns.front().steps;
  e.output_zero_point = static_cast<int16_t>(steps.zero_point);
  e.lower = static_cast<uint8_t>(steps.lower);
  e.upper = static_cast<uint8_t>(steps.upper);
  SetOrder(in_registers, panel, layer);
  const int lanes = layer.kernels->lanes;
  for (int position = 0; position < layer.kernels->shapes[panel.shape].columns; ++position) {
    const auto column = static_cast<size_t>(layer.Column(panel, position));
    if (column >= columns.size()) continue;  // stays zero
    const auto at = static_cast<size_t>(panel.column_offset + position);
    layer.bias[at] = columns[column].steps.bias;
    layer.multipliers[at] = columns[column].steps.multiplier;
    layer.weight_zero_points[at] = columns[column].weight_zero_point;
    if (e.in_registers) {
      SetInRegisters(in_registers[column], position / lanes, position % lanes, panel, layer);
    }
  }
}

}  // namespace qconv::pack
