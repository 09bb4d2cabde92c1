// Argument checks: what can be told of arguments before anything is packed or run. What shows later
// is refused by pack/fold.cpp, input_maximum.cpp, dispatch/registry.cpp and executor.cpp.
//
// Layer: middle end. Each check throws std::invalid_argument naming the field and its value, before
// anything is packed or written. Read next: layer.h.
#pragma once

#include <cstdint>
#include <span>

#include "pack/geometry.h"
#include "qconv/params.h"

namespace qconv {

// Checks the shape alone and normalises it.
pack::Geometry ValidateParams(const ConvParams& params);

// The layer's numbers: their counts and ranges, each by itself.
void ValidateQuantization(const pack::Geometry& geometry, const Quantization& quantization);
void ValidateWeights(const pack::Geometry& geometry, std::span<const int8_t> weights);
void ValidateBias(const pack::Geometry& geometry, std::span<const float> bias);
void ValidateActivation(const Activation& activation);
void ValidateInputMaximum(int32_t maximum, const Affine& input);

// Size of an image in three dimensions. Throws when the rank or a size is wrong, or when a tensor
// of the layer would not be addressable.
pack::Dims ValidateImage(const pack::Geometry& geometry, const Image& image);

// Size of the output in three dimensions. Throws when the kernel does not fit.
pack::Dims OutputSize(const pack::Geometry& geometry, const pack::Dims& input);

void ValidateTensors(std::span<const uint8_t> input, int64_t input_bytes,
                     std::span<const uint8_t> output, int64_t output_bytes);

}  // namespace qconv
