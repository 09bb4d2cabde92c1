// BuildLayer: Prepack, step by step.
//
// Layer: middle end. Read next: pack/packed_layer.h for the result, plan.h for what runs it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "pack/packed_layer.h"
#include "qconv/conv.h"

namespace qconv {

pack::PackedLayer BuildLayer(const ConvParams& params, const Quantization& quantization,
                             std::span<const int8_t> weights, std::span<const float> bias,
                             const PrepackOptions& options);

}  // namespace qconv
