// Transformed layers: what packing has in common of the algorithms that transform input and weights
// (kernels::Transform).
//
// Layer: pack. Read next: winograd.h; ../transformed.h for the rest.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/integers.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Input channels that are transformed together.
constexpr int64_t TransformChunk(int lanes) { return 2 * lanes; }
// The depth of a group of so many: whole chunks, or less than one.
constexpr int64_t TransformDepth(int lanes, int64_t channels) {
  const int64_t chunk = TransformChunk(lanes);
  return RoundUp(channels, channels < chunk ? kernels::kDepthGroup : chunk);
}

// The input channels that are transformed together with those of a group: its own, or a chunk that
// neighbouring narrow groups share.
struct TransformUnit {
  int64_t begin, channels;
  bool operator==(const TransformUnit&) const = default;
};
TransformUnit UnitOf(const PackedLayer& layer, const ChannelGroup& group);

// What a layer takes whose groups are set, in vector instructions beside loads: for a pixel; and,
// of that, to transform the input of a tile.
int64_t TransformedInstructions(const PackedLayer& layer);
int64_t TransformInputInstructions(const PackedLayer& layer);

}  // namespace qconv::pack
