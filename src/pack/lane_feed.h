// LaneFeed: spreads the input of a block for lane kernels and says where they find it.
//
// Layer: pack. lanes.h explains what is spread. A block of output pixels d x h x w needs positions
// in each dimension; kernels find those of any pixel and tap by strides:
//
//   position(output o, tap t) = o * output_step + t * tap_step
//
// Where taps of neighbouring outputs fall on the same input, they share positions; where hardly any
// do (large strides, large dilations with few outputs), each tap gets positions of its own.
// Read next: feed.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// The positions of `outputs` neighbouring outputs in one dimension. Phase p of them lies at
//   input(p, i) = p * phase_step + i * step,   i < count,   and has the index i * phases + p.
struct SpreadAxis {
  int64_t phases, count;
  int64_t phase_step, step;       // input
  int64_t output_step, tap_step;  // index

  int64_t positions() const { return phases * count; }
};

// `distance`: from tap to tap.
SpreadAxis MakeSpreadAxis(int64_t outputs, int64_t stride, int64_t taps, int64_t distance);

// The axis of dimension i of a layer.
SpreadAxis MakeSpreadAxis(const PackedLayer& layer, size_t i, int64_t outputs);

// Bytes of scratch for a block of `outputs` pixels.
int64_t SpreadBytes(const PackedLayer& layer, const Dims& outputs);

// How many positions fit so many bytes of scratch.
int64_t SpreadPositions(const PackedLayer& layer, int64_t bytes);

// Spreads the input of a whole rectangle for one panel. `scratch` is aligned to 64 bytes.
PieceFeed FeedLanes(const PackedLayer& layer, const Panel& panel, const Piece& piece,
                    const ImageView& image, std::byte* scratch, kernels::Row* rows);

}  // namespace qconv::pack
