// CheckInputMaximum: holds the input of a Run to the maximum that the layer was packed for.
//
// Layer: middle end. Read next: kernels/largest_byte.inl.h.
#pragma once

#include <cstdint>
#include <span>

#include "pack/packed_layer.h"
#include "qconv/executor.h"

namespace qconv {

// Throws std::invalid_argument naming the first byte of the input, in memory order, that exceeds
// the layer's maximum. Reads the input once, in tasks; nothing if the maximum is 255. `size` is
// that of an image.
void CheckInputMaximum(const pack::PackedLayer& layer, const pack::Dims& size,
                       std::span<const uint8_t> input, const Executor& executor);

}  // namespace qconv
