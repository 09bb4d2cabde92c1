// Transformed layers: what packing has in common of the algorithms that transform input and weights
// (kernels::Transform).
//
// Layer: pack. Read next: winograd.h; ../transformed.h for the rest.
#pragma once

#include <algorithm>
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

// Which channels transformed input has, of a group or, if channels are cut into blocks, of each
// block: the last chunk holds the last ones, some of which may be in the one before, too.
class ChannelOrder {
 public:
  ChannelOrder(int lanes, int64_t channels)
      : channels_(channels),
        depth_(TransformDepth(lanes, channels)),
        last_(std::max<int64_t>(depth_ - TransformChunk(lanes), 0)),
        last_begin_(std::max<int64_t>(channels - TransformChunk(lanes), 0)) {}

  int64_t channels() const { return channels_; }
  int64_t depth() const { return depth_; }
  // The channel that is at place 0 <= at < depth(). One that is at another place, too, and takes no
  // weights here: -1. Of a group that is narrower than a chunk it may be beyond the last.
  int64_t ChannelAt(int64_t at) const {
    if (at < last_) return at;
    const int64_t channel = at - last_ + last_begin_;
    return channel < last_ ? -1 : channel;
  }

 private:
  int64_t channels_, depth_, last_, last_begin_;
};

// The input channels that are transformed together with those of a group: its own, or a chunk that
// neighbouring narrow groups share.
struct TransformUnit {
  int64_t begin, channels;
  bool operator==(const TransformUnit&) const = default;
};
// (If channels are cut into blocks, those of the first: each has as many.)
TransformUnit UnitOf(const PackedLayer& layer, const ChannelGroup& group);

// Bytes / 4 of a position, of all kernel planes (ChannelGroup::depth_groups).
int64_t TransformedDepthGroups(const PackedLayer& layer, const ChannelGroup& group);

// What a layer takes whose groups are set, in vector instructions beside loads: for a pixel; and,
// of that, to transform the input of a tile.
int64_t TransformedInstructions(const PackedLayer& layer);
int64_t TransformInputInstructions(const PackedLayer& layer);

}  // namespace qconv::pack
