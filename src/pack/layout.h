// How kernels read the input of a layer, and the taps and channel groups that follow from that.
//
// Layer: pack. Read next: weights.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/packed_layer.h"

namespace qconv::pack {

// Whether a layer with these weight zero points needs the sum of the input under each group's
// window; its channel groups must not read other channels then. (kLanes never does.)
bool NeedsSums(std::span<const int32_t> zero_points);

// How the kernels of a table read the input of this shape.
Feed ChooseFeed(const Geometry& geometry, const kernels::KernelTable& table,
                std::span<const int32_t> zero_points);

// Taps as kernels see them: the kernel; for kRuns (kd, kh, 1), for kStrips (kd, 1, 1). For kLanes
// see SpreadGrid in spread_layout.h.
Dims TapGrid(const Geometry& geometry, Feed feed);

// Cuts the layer into channel groups; groups narrower than a vector of `lanes` are merged, unless
// `sums`. Not for kLanes, whose panels each have their own (MakeLaneGroup in lanes.h). Those of
// kTransformed get their depth later (TransformedDepthGroups in transformed.h).
std::vector<ChannelGroup> MakeChannelGroups(const Geometry& geometry, Feed feed, int lanes,
                                            bool sums);

}  // namespace qconv::pack
