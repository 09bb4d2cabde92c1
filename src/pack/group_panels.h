// Narrow groups in place: layers whose kernels read the input of a vector of output channels from
// 16 bytes of a pixel, or from a single group, or that of four vectors from a vector full of
// channels, whose quads they rotate (kernels::GroupTask). Which layers these are, and in which
// panels.
//
// Layer: pack. Weights are packed as for spread channels (lanes.h), those of rotated lanes in the
// order in which they meet the depth groups of their group (PackedLayer::InputGroup).
// Read next: group_feed.h.
#pragma once

#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Whether a layer without weight zero points is computed this way. (If so, and its quads are
// rotated, that goes for all its images.)
bool ReadsGroupsInPlace(const Geometry& geometry, const kernels::KernelTable& table);

// The panels of such a layer, by shape.
std::vector<int> ChooseGroupPanels(const Geometry& geometry, const kernels::KernelTable& table);

// Which bytes the lanes of each panel multiply; nothing if no panel has orders.
void FillGroupOrders(PackedLayer& layer);

// Whether a panel's kernel takes orders (kernels::GroupTask::orders). Of rotated quads, it takes
// those of depth group 0 as they lie.
bool HasGroupOrders(const PackedLayer& layer, const Panel& panel);

}  // namespace qconv::pack
