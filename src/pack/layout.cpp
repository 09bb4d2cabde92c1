#include "pack/layout.h"

#include <algorithm>

#include "pack/group_panels.h"
#include "pack/integers.h"
#include "pack/lanes.h"
#include "pack/strips.h"

namespace qconv::pack {
namespace {

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

bool NeedsSums(std::span<const int32_t> zero_points) {
  return std::any_of(zero_points.begin(), zero_points.end(), [](int32_t z) { return z != 0; });
}

Feed ChooseFeed(const Geometry& g, const kernels::KernelTable& table,
                std::span<const int32_t> zero_points) {
  if (!NeedsSums(zero_points) && ReadsGroupsInPlace(g, table)) return Feed::kLanes;
  // Lane kernels take the zero points in the weights, so long as few parts do for them.
  const bool few_parts = std::all_of(zero_points.begin(), zero_points.end(),
                                     [](int32_t z) { return z >= -128 && z <= 127; });
  if (few_parts && PrefersLanes(g, table)) return Feed::kLanes;
  if (g.GroupInputs() % kernels::kDepthGroup == 0) return Feed::kTaps;
  if (g.groups == 1) {
    if (g.dilation[2] != 1) return Feed::kGathered;
    return PrefersStrips(g, table) ? Feed::kStrips : Feed::kRuns;
  }
  // A group can be widened to a multiple of four channels with zero weights, if there are as many.
  const bool can_widen = RoundUp(g.GroupInputs(), kernels::kDepthGroup) <= g.in_channels;
  return can_widen && !NeedsSums(zero_points) ? Feed::kTaps : Feed::kGathered;
}

Dims TapGrid(const Geometry& g, Feed feed) {
  if (feed == Feed::kRuns) return {g.kernel[0], g.kernel[1], 1};
  if (feed == Feed::kStrips) return {g.kernel[0], 1, 1};
  return g.kernel;
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
    if (feed == Feed::kStrips) {
      group.tap_bytes = StripDepthGroups(g) * kernels::kDepthGroup;
    }
    group.depth_groups = CeilDiv(group.tap_bytes, kernels::kDepthGroup);
    groups.push_back(group);
  }
  return groups;
}

}  // namespace qconv::pack
