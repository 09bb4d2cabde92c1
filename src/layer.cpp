#include "layer.h"

#include <algorithm>

#include "arithmetic.h"
#include "dispatch/float_environment.h"
#include "dispatch/registry.h"
#include "pack/chains.h"
#include "pack/feed.h"
#include "pack/fold.h"
#include "pack/group_feed.h"
#include "pack/lane_feed.h"
#include "pack/lanes.h"
#include "pack/slide.h"
#include "pack/transformed.h"
#include "pack/weights.h"
#include "pack/winograd.h"
#include "plan.h"
#include "tile_shapes.h"
#include "transformed.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::ChannelGroup;
using pack::Feed;
using pack::PackedLayer;
using pack::Panel;

// Adds a panel for output channels of a group from `begin` on, up to `end`; returns the first that
// is left.
int64_t AddPanel(PackedLayer& layer, size_t group, int shape, int64_t begin, int64_t end) {
  Panel panel = {};
  panel.group = static_cast<int>(group);
  panel.shape = shape;
  panel.out_begin = begin;
  panel.columns =
      static_cast<int>(std::min<int64_t>(layer.kernels->shapes[shape].columns, end - begin));
  layer.panels.push_back(panel);
  return begin + panel.columns;
}

void AddChains(const pack::PanelChains& chains, Panel& panel, PackedLayer& layer) {
  panel.whole_chains = static_cast<int64_t>(layer.chain_lists.size());
  panel.tap_chains = panel.whole_chains + (pack::HasWholeChains(layer) ? 1 : 0);
  for (kernels::ChainList list : chains.lists) {
    list.weights += static_cast<int64_t>(layer.chain_weights.size());
    list.first_link += static_cast<int64_t>(layer.chain_inputs.size());
    layer.chain_lists.push_back(list);
  }
  layer.chain_inputs.insert(layer.chain_inputs.end(), chains.inputs.begin(), chains.inputs.end());
  layer.chain_taps.insert(layer.chain_taps.end(), chains.taps.begin(), chains.taps.end());
  layer.chain_weights.insert(layer.chain_weights.end(), chains.weights.begin(),
                             chains.weights.end());
}

// Puts panels with chains in the place of the last one, if that takes fewer instructions.
void PreferChains(const pack::WeightReader& reader, PackedLayer& layer) {
  const Panel wide = layer.panels.back();
  const int64_t end = wide.out_begin + wide.columns;
  const int64_t widened = pack::DotInstructions(layer, wide);
  std::vector<pack::PanelChains> chains;
  int64_t instructions = 0;
  layer.panels.pop_back();
  const size_t others = layer.panels.size();
  for (int64_t next = wide.out_begin; next < end && instructions < widened;) {
    next = AddPanel(layer, static_cast<size_t>(wide.group), kernels::kChainedShape, next, end);
    chains.push_back(pack::MakePanelChains(layer, reader, layer.panels.back()));
    instructions += chains.back().instructions;
  }
  if (instructions >= widened) {
    layer.panels.resize(others);
    layer.panels.push_back(wide);
    return;
  }
  for (size_t i = 0; i < chains.size(); ++i) AddChains(chains[i], layer.panels[others + i], layer);
}

// The output channels of all channel groups.
void AddDensePanels(const pack::WeightReader& reader, PackedLayer& layer) {
  const int most_vectors =
      layer.feed == Feed::kTransformed ? kernels::kTransformedVectors : kernels::kMaxVectors;
  for (size_t i = 0; i < layer.groups.size(); ++i) {
    const ChannelGroup& group = layer.groups[i];
    const bool has_chains = layer.kernels->shapes[kernels::kChainedShape].vectors > 0 &&
                            layer.feed != Feed::kTransformed && pack::FitsChains(group);
    int64_t next = group.out_begin;
    for (const int shape : ChoosePanels(*layer.kernels, group.out_channels, most_vectors)) {
      next = AddPanel(layer, i, shape, next, group.out_begin + group.out_channels);
      if (has_chains) PreferChains(reader, layer);
    }
  }
}

// Of a panel.
int64_t MostLaneVectors(const PackedLayer& layer) {
  if (layer.slide_form != pack::kNoSlide) {
    return pack::MostSlideVectors(*layer.kernels, layer.slide_form);
  }
  // The spread window of a pixel should leave room for others beside it.
  const int64_t vector_bytes =
      layer.GridTaps() * layer.spread.depth_groups * layer.kernels->spread_vector_bytes;
  return kCopyBytes / 2 / vector_bytes;
}

// Each panel with the input channels of its own.
void AddLanePanels(PackedLayer& layer) {
  const int64_t channels = layer.geometry.out_channels;
  int64_t next = 0;
  const std::vector<int> shapes =
      layer.groups_in_place ? pack::ChooseGroupPanels(layer.geometry, *layer.kernels)
                            : ChooseLanePanels(*layer.kernels, channels, MostLaneVectors(layer));
  for (const int shape : shapes) {
    const int64_t width = layer.kernels->shapes[shape].columns;
    layer.groups.push_back(
        pack::MakeLaneGroup(layer.geometry, layer.spread, next, std::min(width, channels - next)));
    next = AddPanel(layer, layer.groups.size() - 1, shape, next, channels);
  }
}

// Lays the panels one behind the other and makes room for their numbers.
void LayOutPanels(PackedLayer& layer) {
  int64_t weight_bytes = 0, columns = 0, order_bytes = 0, tap_sums = 0;
  for (Panel& panel : layer.panels) {
    const int width = layer.kernels->shapes[panel.shape].columns;
    panel.weights_offset = weight_bytes;
    panel.column_offset = columns;
    panel.byte_order_offset = order_bytes;
    order_bytes += layer.kernels->lanes / pack::kLaneColumns * pack::kLaneBytes;
    panel.tap_sums_offset = tap_sums;
    if (panel.shape != kernels::kChainedShape) weight_bytes += layer.PanelWeightBytes(panel);
    columns += width;
    if (layer.feed != Feed::kLanes && layer.feed != Feed::kTransformed)
      tap_sums += (layer.GridTaps() + 1) * width;
  }
  layer.weights.resize(static_cast<size_t>(weight_bytes));
  layer.columns.resize(static_cast<size_t>(columns));
  layer.byte_orders.resize(static_cast<size_t>(order_bytes));
  layer.offsets.resize(static_cast<size_t>(columns));
  layer.bases.resize(static_cast<size_t>(columns));
  layer.slopes.resize(static_cast<size_t>(columns));
  layer.intercepts.resize(static_cast<size_t>(columns));
  layer.exceptions.resize(static_cast<size_t>(columns * kernels::kMaxExceptions),
                          PackedLayer::kNoException);
  layer.bias.resize(static_cast<size_t>(columns));
  layer.multipliers.resize(static_cast<size_t>(columns));
  layer.weight_zero_points.resize(static_cast<size_t>(columns));
  layer.tap_sums.resize(static_cast<size_t>(tap_sums));
}

// What a layer has that is not kLanes.
void SetDense(PackedLayer& layer) {
  layer.slide_form = pack::kNoSlide;
  layer.groups_in_place = false;
  layer.spread.output_rows = 1;
  layer.tap_grid = pack::TapGrid(layer.geometry, layer.feed);
}

// Packs a layer once more for Winograd kernels, if there are images that take less time so.
void AddWinograd(const Quantization& quantization, std::span<const int8_t> weights,
                 std::span<const float> bias, const Activation& activation, PackedLayer& layer) {
  PackedLayer winograd;
  winograd.geometry = layer.geometry;
  winograd.kernels = layer.kernels;
  winograd.input_maximum = layer.input_maximum;
  winograd.feed = Feed::kTransformed;
  winograd.transform = kernels::kWinograd;
  const std::span<const int32_t> zero_points = quantization.weight_zero_points;
  winograd.transform_parts = pack::WinogradParts(winograd, weights, zero_points);
  if (winograd.transform_parts == 0) return;
  winograd.weight_parts = 1;
  SetDense(winograd);
  winograd.groups = pack::MakeChannelGroups(layer.geometry, winograd.feed, layer.kernels->lanes,
                                            /*sums=*/false);
  if (!FitsTransformed(winograd)) return;
  winograd.instructions = pack::TransformedInstructions(winograd);
  layer.instructions = MultiplyInstructions(layer);
  AddDensePanels(pack::WeightReader(winograd, weights, zero_points), winograd);
  LayOutPanels(winograd);
  if (!MayPreferTransformed(winograd, layer.instructions)) return;
  pack::FoldQuantization(quantization, weights, bias, activation, winograd);
  pack::PackWinogradWeights(weights, zero_points, winograd);
  layer.transformed = std::make_shared<const PackedLayer>(std::move(winograd));
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
  ValidateInputMaximum(options.input_maximum, quantization.input);

  layer.input_maximum = static_cast<uint8_t>(options.input_maximum);
  layer.kernels = &dispatch::SelectKernels(options.isa);
  const std::span<const int32_t> zero_points = quantization.weight_zero_points;
  const int lanes = layer.kernels->lanes;
  layer.feed = pack::ChooseFeed(layer.geometry, *layer.kernels, zero_points);
  layer.weight_parts = pack::CountWeightParts(weights, zero_points, layer);
  if (layer.feed == Feed::kLanes) {
    layer.slide_form = layer.weight_parts == 1
                           ? pack::ChooseSlideForm(layer.geometry, *layer.kernels)
                           : pack::kNoSlide;
    layer.groups_in_place =
        !pack::NeedsSums(zero_points) && pack::ReadsGroupsInPlace(layer.geometry, *layer.kernels);
    layer.spread =
        layer.slide_form == pack::kNoSlide
            ? pack::MakeSpreadLayout(layer.geometry)
            : pack::MakeSlideLayout(layer.geometry, kernels::kSlideForms[layer.slide_form]);
    layer.tap_grid = pack::SpreadGrid(layer.geometry, layer.spread);
    AddLanePanels(layer);
  } else {
    SetDense(layer);
    layer.groups =
        pack::MakeChannelGroups(layer.geometry, layer.feed, lanes, pack::NeedsSums(zero_points));
    const pack::WeightReader reader(layer, weights, zero_points);
    AddDensePanels(reader, layer);
  }
  LayOutPanels(layer);

  pack::FoldQuantization(quantization, weights, bias, options.activation, layer);
  pack::PackWeights(weights, zero_points, layer);
  if (layer.feed == Feed::kLanes) pack::FillSpreadLayout(layer);
  if (layer.groups_in_place) pack::FillGroupOrders(layer);
  layer.window_bytes = pack::WindowBytes(layer);
  if (options.transforms && layer.feed != Feed::kLanes && pack::HasWinogradShape(layer)) {
    AddWinograd(quantization, weights, bias, options.activation, layer);
  }
  return layer;
}

}  // namespace qconv
