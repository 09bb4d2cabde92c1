#include "describe.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "arithmetic.h"
#include "pack/slide.h"

namespace qconv {
namespace {

using pack::Feed;
using pack::PackedLayer;
using pack::Panel;

const char* FeedName(const PackedLayer& layer) {
  if (layer.feed == Feed::kGathered || layer.feed == Feed::kStrips) return "gathered";
  if (layer.slide_form != pack::kNoSlide || layer.groups_in_place) return "sliding";
  if (layer.feed == Feed::kLanes) return "lanes";
  return layer.geometry.Pointwise() ? "direct" : "indirect";
}

// Those of all panel shapes, "6x64 + 12x32".
std::string Tiles(const PackedLayer& layer) {
  std::set<int, std::greater<>> shapes;
  for (const Panel& panel : layer.panels) shapes.insert(panel.shape);
  std::string tiles;
  for (const int index : shapes) {
    const kernels::PanelShape& shape = layer.kernels->shapes[index];
    if (!tiles.empty()) tiles += " + ";
    const int rows = layer.feed == Feed::kTransformed ? shape.transformed.rows
                                                      : std::max(shape.rows, shape.even_rows);
    if (layer.feed != Feed::kLanes) tiles += std::to_string(rows) + "x";
    tiles += std::to_string(shape.columns);
  }
  return tiles;
}

std::string Epilogue(const PackedLayer& layer) {
  if (!layer.kernels->fuses) return "stepwise";
  int64_t vectors = 0, fused = 0;
  for (const pack::Panel& panel : layer.panels) {
    const int count = layer.kernels->shapes[panel.shape].vectors;
    vectors += count;
    if (!panel.epilogue.in_registers) continue;
    fused += count - std::count(panel.epilogue.exception_counts,
                                panel.epilogue.exception_counts + count, kernels::kNotFused);
  }
  return fused == 0 ? "stepwise" : fused == vectors ? "fused" : "partly fused";
}

int64_t PackedBytes(const PackedLayer& layer) {
  const auto sum = [](const auto&... arrays) {
    return (... + (arrays.size() * sizeof(arrays[0])));
  };
  const size_t bytes =
      sum(layer.weights, layer.chain_weights, layer.chain_lists, layer.chain_inputs,
          layer.chain_taps, layer.columns, layer.byte_orders, layer.offsets, layer.bases,
          layer.slopes, layer.intercepts, layer.exceptions, layer.bias, layer.multipliers,
          layer.weight_zero_points, layer.tap_sums, layer.spread.shuffle_offsets,
          layer.spread.shuffle_orders, layer.padding, layer.strips.masks, layer.group_orders);
  const auto other = [](const auto& packing) {
    return packing == nullptr ? 0 : PackedBytes(*packing);
  };
  return static_cast<int64_t>(bytes) + other(layer.runs) + other(layer.transformed) +
         other(layer.neighbours);
}

}  // namespace

ConvDescription DescribeLayer(const PackedLayer& layer) {
  ConvDescription description;
  description.isa = layer.kernels->name;
  description.feed = FeedName(layer);
  description.tile = Tiles(layer);
  if (layer.transformed != nullptr) {
    description.transform = kernels::kTransforms[layer.transformed->transform].name;
    description.transform_tile = Tiles(*layer.transformed);
  }
  for (const PackedLayer* packing = layer.neighbours.get(); packing != nullptr;
       packing = packing->neighbours.get()) {
    description.most_neighbours *= 2;
  }
  description.epilogue = Epilogue(layer);
  DescribeArithmetic(layer, description);
  description.packed_bytes = PackedBytes(layer);
  description.accumulator_bound = layer.accumulator_bound;
  description.input_maximum = layer.input_maximum;
  return description;
}

}  // namespace qconv
