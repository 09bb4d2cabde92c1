#include "arithmetic.h"

#include <span>
#include <tuple>

#include "pack/chains.h"
#include "pack/integers.h"
#include "panel_shapes.h"

namespace qconv {
namespace {

using kernels::ChainList;
using pack::PackedLayer;
using pack::Panel;

static_assert(kernels::kMaxLinks == std::tuple_size_v<decltype(ConvDescription::chains)>);

// The lists of a chained panel that a pixel with all taps takes.
std::span<const ChainList> Lists(const PackedLayer& layer, const Panel& panel) {
  const bool whole = pack::HasWholeChains(layer);
  return std::span(layer.chain_lists)
      .subspan(static_cast<size_t>(whole ? panel.whole_chains : panel.tap_chains),
               static_cast<size_t>(whole ? 1 : layer.GridTaps()));
}

// Depth groups times vectors of output channels: what four products in each lane are counted by.
int64_t GroupVectors(const PackedLayer& layer) {
  int64_t count = 0;
  for (const pack::ChannelGroup& group : layer.groups) {
    count += layer.GridTaps() * group.depth_groups *
             pack::CeilDiv(group.out_channels, layer.kernels->lanes);
  }
  return count;
}

int64_t AllWidened(const PackedLayer& layer) {
  int64_t instructions = 0;
  Panel panel = {};
  for (const pack::ChannelGroup& group : layer.groups) {
    for (const int shape : ChoosePanels(*layer.kernels, group.out_channels)) {
      panel.shape = shape;
      instructions += pack::DotInstructions(layer, panel);
    }
    ++panel.group;
  }
  return instructions;
}

}  // namespace

int64_t MultiplyInstructions(const PackedLayer& layer) {
  int64_t instructions = 0;
  for (const Panel& panel : layer.panels) {
    if (panel.shape == kernels::kChainedShape) {
      for (const ChainList& list : Lists(layer, panel)) {
        instructions += pack::ListInstructions(list);
      }
    } else {
      instructions += pack::DotInstructions(layer, panel);
    }
  }
  return instructions;
}

void DescribeArithmetic(const PackedLayer& layer, ConvDescription& description) {
  if (layer.transformed != nullptr) {
    description.transform_instructions = static_cast<double>(layer.transformed->instructions) /
                                         static_cast<double>(GroupVectors(layer));
  }
  if (pack::HasDotProduct(*layer.kernels)) {
    description.arithmetic = layer.kernels->dot_product;
    return;
  }
  int64_t chained_channels = 0;
  for (const Panel& panel : layer.panels) {
    if (panel.shape != kernels::kChainedShape) {
      description.widened_channels += panel.columns;
      continue;
    }
    chained_channels += panel.columns;
    for (const ChainList& list : Lists(layer, panel)) {
      description.links += list.links;
      for (size_t i = 0; i < description.chains.size(); ++i) {
        description.chains[i] += list.counts[i];
      }
    }
  }
  description.arithmetic = chained_channels == 0               ? "widened"
                           : description.widened_channels == 0 ? "int16 chains"
                                                               : "int16 chains + widened";
  if (layer.feed == pack::Feed::kLanes) return;
  const auto count = static_cast<double>(GroupVectors(layer));
  description.instructions = static_cast<double>(MultiplyInstructions(layer)) / count;
  description.widened_instructions = static_cast<double>(AllWidened(layer)) / count;
}

}  // namespace qconv
