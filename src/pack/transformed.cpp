#include "pack/transformed.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>

namespace qconv::pack {
namespace {

// What transforms take of a tile, in vector instructions beside loads.
struct Cost {
  int64_t input;   // of a chunk of channels, widened
  int64_t output;  // of a vector of columns, with what it takes to store and requantize them
};
constexpr Cost kCosts[] = {{7 * kernels::kWinogradPositions, 230}, {3, 4}, {50, 60}, {300, 350}};
static_assert(std::size(kCosts) == kernels::kTransformCount);

const Cost& CostOf(const PackedLayer& layer) {
  return kCosts[static_cast<size_t>(layer.transform)];
}

}  // namespace

TransformUnit UnitOf(const PackedLayer& layer, const ChannelGroup& group) {
  const int64_t chunk = TransformChunk(layer.kernels->lanes), blocks = layer.Algorithm().blocks;
  if (blocks > 1) return {0, layer.geometry.in_channels / blocks};
  if (group.in_channels >= chunk) return {group.in_begin, group.in_channels};
  const int64_t channels = layer.groups[0].in_channels;  // the last group may have fewer
  const int64_t shared = std::max<int64_t>(chunk / channels, 1) * channels;
  return {std::min(group.in_begin / shared * shared, layer.geometry.in_channels - chunk), chunk};
}

int64_t TransformedDepthGroups(const PackedLayer& layer, const ChannelGroup& group) {
  const int64_t channels = group.in_channels / layer.Algorithm().blocks;
  return layer.geometry.kernel[0] * MultiplyDepth(channels) / kernels::kDepthGroup;
}

int64_t TransformInputInstructions(const PackedLayer& layer) {
  const int lanes = layer.kernels->lanes;
  int64_t depth = 0;
  for (const ChannelGroup& group : layer.groups) {
    depth += TransformDepth(lanes, group.in_channels / layer.Algorithm().blocks);
  }
  return layer.geometry.kernel[0] * depth * CostOf(layer).input / TransformChunk(lanes);
}

void WriteChannelPair(std::span<const int16_t> first, std::span<const int16_t> second,
                      int64_t position_bytes, std::byte* out) {
  for (size_t position = 0; position < first.size(); ++position, out += position_bytes) {
    const int16_t words[] = {first[position], second[position]};
    std::memcpy(out, words, sizeof words);
  }
}

int64_t TransformedInstructions(const PackedLayer& layer) {
  const kernels::Transform& transform = layer.Algorithm();
  // A product for each position and pair of channels, and its addition where that is another
  // instruction.
  const int64_t pair = transform.positions * (HasDotProduct(*layer.kernels) ? 1 : 2);
  const int64_t output = CostOf(layer).output * layer.transform_parts;
  int64_t instructions = TransformInputInstructions(layer);
  for (const ChannelGroup& group : layer.groups) {
    const int64_t vectors = CeilDiv(group.out_channels / transform.blocks, layer.kernels->lanes);
    instructions += vectors * (group.depth_groups * kernels::kDepthGroup / 2 * pair + output);
  }
  return instructions / transform.outputs;
}

}  // namespace qconv::pack
