#include "pack/weights.h"

#include <algorithm>
#include <cstring>

namespace qconv::pack {
namespace {

constexpr int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// How many groups to merge: as many as fit one vector of output channels, which costs no arithmetic
// (the lanes would be idle), preferring a multiple of four input channels, and never more than can
// be widened to one.
int64_t GroupsToMerge(const Geometry& g, int lanes) {
  const int64_t most = std::clamp<int64_t>(lanes / g.GroupOutputs(), 1, g.groups);
  int64_t widest = 1;
  for (int64_t merged = most; merged > 0; --merged) {
    const int64_t channels = merged * g.GroupInputs();
    if (channels % kernels::kDepthGroup == 0) return merged;
    if (RoundUp(channels, kernels::kDepthGroup) <= g.in_channels) widest = std::max(widest, merged);
  }
  return widest;
}

}  // namespace

Feed ChooseFeed(const Geometry& g, bool sums) {
  if (g.GroupInputs() % kernels::kDepthGroup == 0) return Feed::kTaps;
  if (g.groups == 1) {
    const bool neighbours = g.dilation[2] == 1 || g.kernel[2] == 1;
    return neighbours ? Feed::kRuns : Feed::kWindows;
  }
  // A group can be widened to a multiple of four channels with zero weights, if there are as many.
  const bool can_widen = RoundUp(g.GroupInputs(), kernels::kDepthGroup) <= g.in_channels;
  return can_widen && !sums ? Feed::kTaps : Feed::kWindows;
}

Dims TapGrid(const Geometry& g, Feed feed) {
  switch (feed) {
    case Feed::kTaps:
      return g.kernel;
    case Feed::kRuns:
      return {g.kernel[0], g.kernel[1], 1};
    case Feed::kWindows:
      break;
  }
  return {1, 1, 1};
}

std::vector<ChannelGroup> MakeChannelGroups(const Geometry& g, Feed feed, int lanes, bool sums) {
  const int64_t merged = sums ? 1 : GroupsToMerge(g, lanes);
  std::vector<ChannelGroup> groups;
  for (int64_t first = 0; first < g.groups; first += merged) {
    const int64_t count = std::min(merged, g.groups - first);
    ChannelGroup group;
    group.in_begin = first * g.GroupInputs();
    group.in_channels = count * g.GroupInputs();
    group.out_begin = first * g.GroupOutputs();
    group.out_channels = count * g.GroupOutputs();
    if (feed == Feed::kTaps) {
      const int64_t wide = RoundUp(group.in_channels, kernels::kDepthGroup);
      group.in_begin = std::min(group.in_begin, g.in_channels - wide);
      group.in_channels = wide;
    }
    const Dims grid = TapGrid(g, feed);
    group.tap_bytes = g.Taps() / (grid[0] * grid[1] * grid[2]) * group.in_channels;
    group.depth_groups = RoundUp(group.tap_bytes, kernels::kDepthGroup) / kernels::kDepthGroup;
    groups.push_back(group);
  }
  return groups;
}

int8_t WeightReader::Get(const Panel& panel, int column, int64_t tap, int64_t byte) const {
  const Geometry& g = layer_.geometry;
  const ChannelGroup& group = layer_.groups[static_cast<size_t>(panel.group)];
  if (column >= panel.columns || byte >= group.tap_bytes) return 0;
  // The panel's tap is one of the kernel, or a row of it, or all of it.
  tap = tap * (group.tap_bytes / group.in_channels) + byte / group.in_channels;
  byte %= group.in_channels;
  const int64_t out = panel.out_begin + column;
  const int64_t in = group.in_begin + byte - out / g.GroupOutputs() * g.GroupInputs();
  if (in < 0 || in >= g.GroupInputs()) return 0;  // a channel of another group
  return weights_[static_cast<size_t>((out * g.Taps() + tap) * g.GroupInputs() + in)];
}

void PackWeights(std::span<const int8_t> weights, PackedLayer& layer) {
  const kernels::KernelTable& table = *layer.kernels;
  const WeightReader reader(layer, weights);
  const bool widened = table.weight_format == kernels::WeightFormat::kS16EvenOdd;
  for (const Panel& panel : layer.panels) {
    const int vectors = table.shapes[panel.shape].vectors;
    const int64_t depth_groups = layer.groups[static_cast<size_t>(panel.group)].depth_groups;
    std::byte* out = layer.weights.data() + panel.weights_offset;
    const int vector_bytes = table.lanes * kernels::kDepthGroup * (widened ? 2 : 1);
    for (int64_t tap = 0; tap < layer.GridTaps(); ++tap) {
      for (int64_t group = 0; group < depth_groups; ++group) {
        for (int v = 0; v < vectors; ++v, out += vector_bytes) {
          for (int lane = 0; lane < table.lanes; ++lane) {
            const int column = ColumnInPanel(vectors, v, lane);
            int8_t quad[kernels::kDepthGroup];
            for (int i = 0; i < kernels::kDepthGroup; ++i) {
              quad[i] = reader.Get(panel, column, tap, group * kernels::kDepthGroup + i);
            }
            if (widened) {
              const int16_t even[] = {quad[0], quad[2]}, odd[] = {quad[1], quad[3]};
              std::memcpy(out + lane * 4, even, 4);
              std::memcpy(out + vector_bytes / 2 + lane * 4, odd, 4);
            } else {
              std::memcpy(out + lane * 4, quad, 4);
            }
          }
        }
      }
    }
  }
}

}  // namespace qconv::pack
