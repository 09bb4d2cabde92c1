#include "layer.h"

#include <algorithm>
#include <set>
#include <string>

#include "dispatch/float_environment.h"
#include "dispatch/registry.h"
#include "pack/feed.h"
#include "pack/fold.h"
#include "pack/weights.h"
#include "tile_shapes.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::ChannelGroup;
using pack::Feed;
using pack::PackedLayer;
using pack::Panel;

// Lays the panels of all channel groups one behind the other and makes room for their numbers.
void LayOutPanels(PackedLayer& layer) {
  int64_t weight_bytes = 0, columns = 0, tap_sums = 0;
  for (size_t g = 0; g < layer.groups.size(); ++g) {
    const ChannelGroup& group = layer.groups[g];
    int64_t done = 0;
    for (const int shape : ChoosePanels(*layer.kernels, group.out_channels)) {
      const int width = layer.kernels->shapes[shape].columns;
      Panel panel;
      panel.group = static_cast<int>(g);
      panel.shape = shape;
      panel.out_begin = group.out_begin + done;
      panel.columns = static_cast<int>(std::min<int64_t>(width, group.out_channels - done));
      panel.weights_offset = weight_bytes;
      panel.column_offset = columns;
      panel.tap_sums_offset = tap_sums;
      layer.panels.push_back(panel);
      done += panel.columns;
      weight_bytes += layer.GridTaps() * layer.TapWeightBytes(panel);
      columns += width;
      tap_sums += layer.GridTaps() * width;
    }
  }
  layer.weights.resize(static_cast<size_t>(weight_bytes));
  layer.offsets.resize(static_cast<size_t>(columns));
  layer.bias.resize(static_cast<size_t>(columns));
  layer.multipliers.resize(static_cast<size_t>(columns));
  layer.weight_zero_points.resize(static_cast<size_t>(columns));
  layer.tap_sums.resize(static_cast<size_t>(tap_sums));
}

const char* FeedName(const PackedLayer& layer) {
  if (layer.feed == Feed::kWindows) return "im2col";
  return layer.geometry.Pointwise() ? "direct" : "indirect";
}

}  // namespace

PackedLayer BuildLayer(const ConvParams& params, const Quantization& quantization,
                       std::span<const int8_t> weights, std::span<const float> bias,
                       const PrepackOptions& options) {
  const dispatch::DefaultFloatEnvironment float_environment;
  PackedLayer layer;
  layer.geometry = ValidateParams(params);
  ValidateQuantization(layer.geometry, quantization);
  ValidateWeights(layer.geometry, weights);
  ValidateBias(layer.geometry, bias);
  ValidateActivation(options.activation);

  layer.kernels = &dispatch::SelectKernels(options.isa);
  const auto& zero_points = quantization.weight_zero_points;
  const bool sums =
      std::any_of(zero_points.begin(), zero_points.end(), [](int32_t z) { return z != 0; });
  layer.feed = pack::ChooseFeed(layer.geometry, sums);
  layer.tap_grid = pack::TapGrid(layer.geometry, layer.feed);
  layer.groups = pack::MakeChannelGroups(layer.geometry, layer.feed, layer.kernels->lanes, sums);
  layer.window_bytes = pack::WindowBytes(layer);
  LayOutPanels(layer);

  pack::FoldQuantization(quantization, weights, bias, options.activation, layer);
  pack::PackWeights(weights, layer);
  return layer;
}

ConvDescription DescribeLayer(const PackedLayer& layer) {
  ConvDescription description;
  description.isa = layer.kernels->name;
  description.feed = FeedName(layer);
  std::set<int, std::greater<>> shapes;
  for (const Panel& panel : layer.panels) shapes.insert(panel.shape);
  for (const int index : shapes) {
    const kernels::PanelShape& shape = layer.kernels->shapes[index];
    if (!description.tile.empty()) description.tile += " + ";
    description.tile += std::to_string(shape.rows) + "x" + std::to_string(shape.columns);
  }
  description.epilogue = layer.general_epilogue ? "general" : "symmetric";
  description.packed_bytes = static_cast<int64_t>(
      layer.weights.size() +
      (layer.offsets.size() + layer.weight_zero_points.size() + layer.tap_sums.size()) *
          sizeof(int32_t) +
      (layer.bias.size() + layer.multipliers.size()) * sizeof(float));
  description.accumulator_bound = layer.accumulator_bound;
  return description;
}

}  // namespace qconv
