#include "layer.h"

#include <memory>
#include <optional>
#include <utility>

#include "arithmetic.h"
#include "dispatch/float_environment.h"
#include "dispatch/registry.h"
#include "pack/feed.h"
#include "pack/fold.h"
#include "pack/group_panels.h"
#include "pack/lane_feed.h"
#include "pack/lanes.h"
#include "pack/layout.h"
#include "pack/neighbours.h"
#include "pack/slide.h"
#include "pack/spread_layout.h"
#include "pack/strassen.h"
#include "pack/strips.h"
#include "pack/transformed.h"
#include "pack/weights.h"
#include "pack/winograd.h"
#include "panels.h"
#include "plan.h"
#include "transform_model.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::ChannelGroup;
using pack::Feed;
using pack::PackedLayer;

// To be filled.
PackedLayer AnotherPacking(const PackedLayer& layer, Feed feed) {
  PackedLayer other;
  other.geometry = layer.geometry;
  other.kernels = layer.kernels;
  other.input_maximum = layer.input_maximum;
  other.feed = feed;
  return other;
}

// What a layer has that is not kLanes.
void SetDense(PackedLayer& layer) {
  layer.slide_form = pack::kNoSlide;
  layer.groups_in_place = false;
  layer.tap_grid = pack::TapGrid(layer.geometry, layer.feed);
}

void AddDense(const LayerNumbers& numbers, PackedLayer& layer) {
  const std::span<const int32_t> zero_points = numbers.quantization.weight_zero_points;
  SetDense(layer);
  if (layer.feed == Feed::kStrips) layer.strips = pack::MakeStripLayout(layer.geometry);
  layer.groups = pack::MakeChannelGroups(layer.geometry, layer.feed, layer.kernels->lanes,
                                         pack::NeedsSums(zero_points));
  AddDensePanels(pack::WeightReader(layer, numbers.weights, zero_points), layer);
}

// What panels need; not kTransformed.
void Fill(const LayerNumbers& numbers, PackedLayer& layer) {
  const auto& [quantization, weights, bias, activation] = numbers;
  LayOutPanels(layer);
  pack::FoldQuantization(quantization, weights, bias, activation, layer);
  pack::PackWeights(weights, quantization.weight_zero_points, layer);
  if (layer.feed == Feed::kLanes) pack::FillSpreadLayout(layer);
  if (layer.groups_in_place) pack::FillGroupOrders(layer);
  layer.window_bytes = pack::WindowBytes(layer);
}

// Packs a kStrips layer once more.
std::shared_ptr<const PackedLayer> BuildRuns(const LayerNumbers& numbers,
                                             const PackedLayer& strips) {
  PackedLayer layer = AnotherPacking(strips, Feed::kRuns);
  AddDense(numbers, layer);
  Fill(numbers, layer);
  return std::make_shared<const PackedLayer>(std::move(layer));
}

// What BuildTransformed makes, without panels.
std::optional<PackedLayer> ShapeTransformed(const PackedLayer& layer, int transform,
                                            const LayerNumbers& numbers) {
  PackedLayer transformed = AnotherPacking(layer, Feed::kTransformed);
  transformed.transform = transform;
  const std::span<const int32_t> zero_points = numbers.quantization.weight_zero_points;
  if (transform == kernels::kWinograd) {
    if (!pack::HasWinogradShape(transformed)) return {};
    transformed.transform_parts = pack::WinogradParts(transformed, numbers.weights, zero_points);
    if (transformed.transform_parts == 0) return {};
  } else {
    if (!pack::HasStrassenShape(transformed) ||
        !pack::FitsStrassen(transformed, numbers.weights, zero_points)) {
      return {};
    }
    transformed.transform_parts = 1;
  }
  SetDense(transformed);
  transformed.groups = pack::MakeChannelGroups(layer.geometry, transformed.feed,
                                               layer.kernels->lanes, /*sums=*/false);
  for (ChannelGroup& group : transformed.groups) {
    group.depth_groups = pack::TransformedDepthGroups(transformed, group);
  }
  if (!FitsTransformed(transformed)) return {};
  transformed.instructions = pack::TransformedInstructions(transformed);
  return transformed;
}

void LayOutTransformed(PackedLayer& layer) {
  AddTransformedPanels(layer);
  LayOutPanels(layer);
}

void FillTransformed(const LayerNumbers& numbers, PackedLayer& layer) {
  const auto& [quantization, weights, bias, activation] = numbers;
  pack::FoldQuantization(quantization, weights, bias, activation, layer);
  if (layer.transform == kernels::kWinograd) {
    pack::PackWinogradWeights(weights, quantization.weight_zero_points, layer);
  } else {
    pack::PackStrassenWeights(weights, quantization.weight_zero_points, layer);
  }
}

// Packs a layer once more, in the way that takes the least time, if there are images that take less
// time so.
void AddTransformed(const LayerNumbers& numbers, PackedLayer& layer) {
  layer.instructions = MultiplyInstructions(layer);
  std::optional<PackedLayer> best;
  for (int transform = 0; transform < kernels::kTransformCount; ++transform) {
    std::optional<PackedLayer> transformed = ShapeTransformed(layer, transform, numbers);
    const auto may_prefer = [&] { return MayPreferTransformed(*transformed, layer.instructions); };
    if (!transformed || !may_prefer()) continue;  // whatever its weights take to fetch
    LayOutTransformed(*transformed);
    if (!may_prefer()) continue;
    if (!best || LeastSlots(*transformed) < LeastSlots(*best)) best = std::move(transformed);
  }
  if (!best) return;
  FillTransformed(numbers, *best);
  layer.transformed = std::make_shared<const PackedLayer>(*std::move(best));
}

// `layer` has its geometry, its kernels and its input maximum. `transforms` as in PrepackOptions.
void Pack(const LayerNumbers& numbers, bool transforms, PackedLayer& layer);

// Packs two neighbouring pixels as one, which packs them in turn.
std::shared_ptr<const PackedLayer> BuildNeighbours(const LayerNumbers& numbers,
                                                   const PackedLayer& layer) {
  PackedLayer two = AnotherPacking(layer, /*feed=*/{});  // which Pack chooses
  two.geometry = pack::NeighbourGeometry(layer.geometry);
  // Where edges are gathered, windows beyond the scratch would make Run allocate. Most show before
  // they are packed, others when it is known how they are gathered.
  if (two.geometry.DepthOfOutput() > kCopyBytes) return nullptr;
  const pack::NeighbourNumbers own(layer.geometry, numbers.quantization, numbers.weights,
                                   numbers.bias);
  Pack({own.quantization, own.weights, own.bias, numbers.activation}, /*transforms=*/true, two);
  if (two.window_bytes > kCopyBytes) return nullptr;
  return std::make_shared<const PackedLayer>(std::move(two));
}

void Pack(const LayerNumbers& numbers, bool transforms, PackedLayer& layer) {
  const std::span<const int32_t> zero_points = numbers.quantization.weight_zero_points;
  layer.feed = pack::ChooseFeed(layer.geometry, *layer.kernels, zero_points);
  layer.weight_parts = pack::CountWeightParts(numbers.weights, zero_points, layer);
  if (layer.feed == Feed::kLanes) {
    layer.slide_form = layer.weight_parts == 1
                           ? pack::ChooseSlideForm(layer.geometry, *layer.kernels)
                           : pack::kNoSlide;
    layer.groups_in_place =
        !pack::NeedsSums(zero_points) && pack::ReadsGroupsInPlace(layer.geometry, *layer.kernels);
    layer.spread =
        layer.slide_form == pack::kNoSlide
            ? pack::MakeSpreadLayout(layer.geometry, *layer.kernels)
            : pack::MakeSlideLayout(layer.geometry, kernels::kSlideForms[layer.slide_form]);
    layer.tap_grid = pack::SpreadGrid(layer.geometry, layer.spread);
    AddLanePanels(layer);
  } else {
    AddDense(numbers, layer);
  }
  Fill(numbers, layer);
  if (layer.feed == Feed::kStrips) layer.runs = BuildRuns(numbers, layer);
  if (!transforms || layer.feed == Feed::kLanes) return;
  AddTransformed(numbers, layer);
  if (!pack::NeedsSums(zero_points) && pack::CombinesNeighbours(layer.geometry, *layer.kernels)) {
    layer.neighbours = BuildNeighbours(numbers, layer);
  }
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
  layer.kernels = &dispatch::SelectKernels(options.isa, "PrepackOptions.isa");
  Pack({quantization, weights, bias, options.activation}, options.transforms, layer);
  return layer;
}

std::optional<PackedLayer> BuildTransformed(const PackedLayer& layer, int transform,
                                            const LayerNumbers& numbers) {
  const dispatch::DefaultFloatEnvironment float_environment;
  std::optional<PackedLayer> transformed = ShapeTransformed(layer, transform, numbers);
  if (!transformed) return {};
  LayOutTransformed(*transformed);
  FillTransformed(numbers, *transformed);
  return transformed;
}

}  // namespace qconv
