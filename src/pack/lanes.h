// Lanes: layers whose output channels read input channels of their own, depthwise ones and those
// with narrow groups.
//
// Layer: pack. In a dense layer all output channels multiply the same input, which is broadcast to
// the lanes of a vector; here each lane needs its own. So the input of a block is first spread into
// scratch, four bytes (a quad) for each output channel, and a lane kernel then reads it like
// weights. A position of the spread input is
//
//   one input channel per group: four taps of the kernel        several: one pixel
//
//     pixel  x      x+d    x+2d   x+3d                            channels of the lane's group,
//     lane 0 [c0    c0     c0     c0]                             four by four:
//     lane 1 [c1    c1     c1     c1]                             lane j, group g of four:
//     ...    (channel multiplier n: lane j takes channel j / n)   (j / n) * C + 4 g, + 1, + 2, + 3
//
// where C and n are input and output channels per group and d is the dilation. A position serves
// every tap of every output pixel that falls on it: a 1D kernel of 75 taps reads it 19 times.
//
// Weight zero points are subtracted from the weights when packing (the padding has none). What then
// does not fit s8 is split in parts that do (layer.weight_parts); kernels add up the parts.
// Read next: spread_layout.h.
#pragma once

#include <cstdint>

#include "pack/packed_layer.h"

namespace qconv::pack {

// Whether the layer is faster this way than with narrow groups merged (MakeChannelGroups): groups
// of one input channel always, others by a model of what a tap costs.
bool PrefersLanes(const Geometry& geometry, const kernels::KernelTable& table);

// Fills the shuffles of all panels and the padding of a kLanes layer whose panels are set.
void FillSpreadLayout(PackedLayer& layer);

// The input channels of output channels [begin, begin + count).
ChannelGroup MakeLaneGroup(const Geometry& geometry, const SpreadLayout& spread, int64_t begin,
                           int64_t count);

}  // namespace qconv::pack
