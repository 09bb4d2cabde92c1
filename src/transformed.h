// RunTransformed: layers by algorithms that transform tiles of input (kernels/winograd.inl.h).
//
// Layer: middle end. Tiles of all images, one after the other, are cut into blocks; a block's input
// is transformed for each unit of channels, then panel after panel is multiplied.
// Read next: pack/transformed.h.
#pragma once

#include <cstdint>

#include "pack/packed_layer.h"
#include "qconv/executor.h"

namespace qconv {

// Whether the scratch of a task holds enough tiles of a layer with these groups.
bool FitsTransformed(const pack::PackedLayer& layer);

// What a pixel of large images takes, in slots of instructions.
double LeastSlots(const pack::PackedLayer& layer);

// Whether there are images that take less time so, by the instructions of a pixel: those of this
// layer, whose panels are laid out, and of the plain one.
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

// As RunLayer (run.h), of a layer whose feed is kTransformed.
void RunTransformed(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
                    const pack::Dims& output_size, const uint8_t* input, uint8_t* output,
                    const Executor& executor);

}  // namespace qconv
