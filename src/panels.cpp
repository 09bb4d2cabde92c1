#include "panels.h"

#include <algorithm>
#include <vector>

#include "pack/chains.h"
#include "pack/columns.h"
#include "pack/group_panels.h"
#include "pack/lane_feed.h"
#include "pack/lanes.h"
#include "pack/slide.h"
#include "panel_shapes.h"
#include "plan.h"

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

// Of a panel.
int64_t MostLaneVectors(const PackedLayer& layer) {
  if (layer.slide_form != pack::kNoSlide) {
    return pack::MostSlideVectors(*layer.kernels, layer.slide_form);
  }
  // The spread input of some neighbours should fit the scratch, or each spreads its own. (AVX-512
  // without VNNI, 64 channels, 87 taps, dilation 2: a third of the time; 128 taps: a fifth.)
  constexpr int64_t kNeighbours = 64;
  const pack::SpreadLayout& spread = layer.spread;
  const int64_t bytes = spread.depth_groups * layer.kernels->spread_vector_bytes;  // of a position
  const auto positions = [&](int64_t pixels) {
    return pack::CountPositions(spread, {1, spread.output_rows, pixels});
  };
  // That of a single pixel has to, with its list of depth groups and what is read beyond the end of
  // the tensor, or Run would allocate.
  constexpr int64_t kBeyondEnd = 4096;
  const int64_t room = std::max<int64_t>(kCopyBytes - kBeyondEnd - pack::GroupBytes(layer), 0);
  return std::min(kCopyBytes / (positions(kNeighbours) * bytes), room / (positions(1) * bytes));
}

}  // namespace

void AddDensePanels(const pack::WeightReader& reader, PackedLayer& layer) {
  for (size_t i = 0; i < layer.groups.size(); ++i) {
    const ChannelGroup& group = layer.groups[i];
    const bool has_chains =
        layer.kernels->shapes[kernels::kChainedShape].vectors > 0 && pack::FitsChains(group);
    int64_t next = group.out_begin;
    for (const int shape : ChoosePanels(*layer.kernels, group.out_channels)) {
      next = AddPanel(layer, i, shape, next, group.out_begin + group.out_channels);
      if (has_chains) PreferChains(reader, layer);
    }
  }
}

void AddTransformedPanels(PackedLayer& layer) {
  const int64_t blocks = layer.Algorithm().blocks;
  for (size_t i = 0; i < layer.groups.size(); ++i) {
    const ChannelGroup& group = layer.groups[i];
    const int64_t channels = group.out_channels / blocks;  // of a block
    int64_t next = 0;
    for (const int shape : ChoosePanels(*layer.kernels, channels, kernels::kTransformedVectors)) {
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t begin = group.out_begin + block * channels;
        AddPanel(layer, i, shape, begin + next, begin + channels);
      }
      next += layer.kernels->shapes[shape].columns;
    }
  }
}

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

void LayOutPanels(PackedLayer& layer) {
  int64_t weight_bytes = 0, columns = 0, order_bytes = 0, tap_sums = 0;
  for (Panel& panel : layer.panels) {
    const int width = layer.kernels->shapes[panel.shape].columns;
    // Those that share weights follow one another.
    const bool shares = layer.feed == Feed::kTransformed &&
                        (&panel - layer.panels.data()) % layer.Algorithm().blocks != 0;
    panel.weights_offset = shares ? (&panel - 1)->weights_offset : weight_bytes;
    panel.column_offset = columns;
    panel.byte_order_offset = order_bytes;
    order_bytes += layer.kernels->lanes / pack::kLaneColumns * pack::kLaneBytes;
    panel.tap_sums_offset = tap_sums;
    if (panel.shape != kernels::kChainedShape && !shares) {
      weight_bytes += layer.PanelWeightBytes(panel) + pack::SlideWeightBytes(layer, panel);
    }
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

}  // namespace qconv
