// RunTransformed: layers by algorithms that transform tiles of input (kernels/transformed.inl.h).
//
// Layer: middle end. Tiles of all images, one after the other, are cut into blocks; a block's input
// is transformed for each unit of channels, then panel after panel is multiplied.
// Read next: transform_model.h.
#pragma once

#include <cstdint>

#include "pack/packed_layer.h"
#include "qconv/executor.h"

namespace qconv {

// As RunLayer (run.h), of a layer whose feed is kTransformed.
void RunTransformed(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
                    const pack::Dims& output_size, const uint8_t* input, uint8_t* output,
                    const Executor& executor);

}  // namespace qconv
