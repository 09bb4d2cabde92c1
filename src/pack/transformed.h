// Transformed layers: what packing has in common of the algorithms that transform input and weights
// (kernels::Transform).
//
// Layer: pack. Read next: winograd.h; ../transformed.h for the rest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/kernel_table.h"
#include "pack/integers.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Input channels that are transformed together.
constexpr int64_t TransformChunk(int lanes) { return 2 * lanes; }
// The depth of so many, of a group or, if channels are cut into blocks, of each block: as they are
// transformed, whole chunks or less than one; and as they are multiplied.
constexpr int64_t TransformDepth(int lanes, int64_t channels) {
  const int64_t chunk = TransformChunk(lanes);
  return RoundUp(channels, channels < chunk ? kernels::kDepthGroup : chunk);
}
constexpr int64_t MultiplyDepth(int64_t channels) {
  return RoundUp(channels, kernels::kDepthGroup);
}

// Which channels are multiplied: those of all chunks but the last, then the last ones of the last
// chunk, where some may stand that the chunk before has, too.
class ChannelOrder {
 public:
  ChannelOrder(int lanes, int64_t channels)
      : channels_(channels),
        chunk_(TransformChunk(lanes)),
        last_(channels < chunk_ ? 0 : TransformDepth(lanes, channels) - chunk_) {}

  int64_t channels() const { return channels_; }
  int64_t depth() const { return MultiplyDepth(channels_); }
  // Of the last chunk: how many, and the first of them.
  int64_t last_count() const { return depth() - last_; }
  int64_t last_begin() const { return channels_ < chunk_ ? 0 : chunk_ - last_count(); }
  // The channel at 0 <= at < depth(). One that takes no weights here, as it is at another place,
  // too: -1. Of a group that is narrower than a chunk it may be beyond the last.
  int64_t ChannelAt(int64_t at) const {
    if (at < last_ || channels_ < chunk_) return at;
    const int64_t channel = at - (depth() - channels_);
    return channel < last_ ? -1 : channel;
  }

 private:
  int64_t channels_, chunk_;
  int64_t last_;  // places before the last chunk
};

// The input channels that are transformed together with those of a group: its own, or a chunk that
// neighbouring narrow groups share.
struct TransformUnit {
  int64_t begin, channels;
  bool operator==(const TransformUnit&) const = default;
};
// (If channels are cut into blocks, those of the first: each has as many.)
TransformUnit UnitOf(const PackedLayer& layer, const ChannelGroup& group);

// Writes the transformed weights of two channels to `out`: for each position a pair of words,
// `position_bytes` apart.
void WriteChannelPair(std::span<const int16_t> first, std::span<const int16_t> second,
                      int64_t position_bytes, std::byte* out);

// Channels / 4 of a position, of one block and all kernel planes (ChannelGroup::depth_groups).
int64_t TransformedDepthGroups(const PackedLayer& layer, const ChannelGroup& group);

// What a layer takes whose groups are set, in vector instructions beside loads: for a pixel; and,
// of that, to transform the input of a tile.
int64_t TransformedInstructions(const PackedLayer& layer);
int64_t TransformInputInstructions(const PackedLayer& layer);

}  // namespace qconv::pack
