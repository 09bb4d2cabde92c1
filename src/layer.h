// BuildLayer: Prepack, step by step.
//
// Layer: middle end. Read next: pack/packed_layer.h for the result, plan.h for what runs it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "pack/packed_layer.h"
#include "qconv/conv.h"

namespace qconv {

pack::PackedLayer BuildLayer(const ConvParams& params, const Quantization& quantization,
                             std::span<const int8_t> weights, std::span<const float> bias,
                             const PrepackOptions& options);

// What a packing is made of, beside the shape of the layer.
struct LayerNumbers {
  const Quantization& quantization;
  std::span<const int8_t> weights;
  std::span<const float> bias;
  const Activation& activation;
};

// Another packing of a layer, with the feed kTransformed, whether or not it takes less time;
// nothing if this transform (an index into kernels::kTransforms) is not for it. For tests of all of
// them: BuildLayer packs the best one alone, by the same steps.
std::optional<pack::PackedLayer> BuildTransformed(const pack::PackedLayer& layer, int transform,
                                                  const LayerNumbers& numbers);

}  // namespace qconv
