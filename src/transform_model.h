// What transformed layers take, by a model: which layers and images are computed so, and how
// threads share the work.
//
// Layer: middle end. Read next: pack/transformed.h for the instructions that the model counts.
#pragma once

#include <cstdint>

#include "pack/packed_layer.h"

namespace qconv {

// Room of a task, for a block of tiles: pixels of output; where the tiles have their input;
// transformed input and products. These should stay in the second-level cache, where that has a
// MiB.
inline constexpr int64_t kMaxTransformedOutputs = 512, kMaxTransformedPixels = 1152;
inline constexpr int64_t kTransformScratchBytes = 656 * 1024;
// Between positions there: a cache line, lest all positions of a tile fall into the same set of a
// cache.
inline constexpr int64_t kTransformGapBytes = 64;

// Panels that share their weights, of which threads have some each.
int64_t PanelSets(const pack::PackedLayer& layer);

// Whether the scratch of a task holds enough tiles of a layer with these groups.
bool FitsTransformed(const pack::PackedLayer& layer);

// What a pixel of large images takes, in slots of instructions.
double LeastSlots(const pack::PackedLayer& layer);

// Whether there are images that take less time so, by the instructions of a pixel: those of this
// layer, and of the plain one. Before its panels are laid out it has no weights to fetch.
bool MayPreferTransformed(const pack::PackedLayer& layer, int64_t plain);

// Whether images of this size do; a pure function. Small ones leave much of their tiles unused, and
// the other kernels skip taps in the padding.
bool PrefersTransformed(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
                        const pack::Dims& output_size);

// How the tiles of all images are cut into blocks, and the panels into shares of each block, so
// that so many threads (>= 1) are done soonest; a pure function. Each block fetches all weights,
// and each share transforms the input of its block anew.
struct TransformedShares {
  int64_t blocks, splits;
};
TransformedShares ChooseTransformedShares(const pack::PackedLayer& layer, int64_t tiles,
                                          int threads);

}  // namespace qconv
