// Layer: the numbers of a layer, checked, and the steps that every evaluation of it in plain loops
// shares: from an output pixel to the input under its taps, and from a sum to a byte.
//
// Layer: reference; knows only the public headers: a mistake in the packed layer must not be
// repeated here. Read next: reference_conv.cpp for the exact sums, saturating_conv.cpp for those
// that saturate, checks.h for what is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "qconv/params.h"

namespace qconv::reference {

struct Layer {
  ConvParams params;  // every Spatial filled in
  Affine input;
  Affine output;
  std::vector<float> weight_scales;         // out_channels
  std::vector<int32_t> weight_zero_points;  // out_channels
  std::vector<int8_t> weights;              // [out][kernel...][in / groups]
  std::vector<float> bias;                  // out_channels or empty
  Activation activation;
  int32_t input_maximum;                    // 0..255
  std::vector<int64_t> accumulator_bounds;  // out_channels; no sum can exceed this magnitude

  // Input channels of a group: products of one tap.
  int64_t Depth() const { return params.in_channels / params.groups; }
  // Where they begin, for an output channel.
  int64_t FirstInput(int64_t channel) const {
    return channel / (params.out_channels / params.groups) * Depth();
  }
  // The weights of an output channel, [tap][depth].
  std::span<const int8_t> WeightsOf(int64_t channel) const {
    const size_t length = weights.size() / static_cast<size_t>(params.out_channels);
    return std::span(weights).subspan(static_cast<size_t>(channel) * length, length);
  }
  // From input scale * weight scale to the output's scale.
  float Multiplier(int64_t channel) const {
    return input.scale * weight_scales[static_cast<size_t>(channel)] / output.scale;
  }
};

// Arguments and errors as ReferenceConv's constructor.
Layer MakeLayer(const ConvParams& params, const Quantization& quantization,
                std::span<const int8_t> weights, std::span<const float> bias, Activation activation,
                int32_t input_maximum = 255);

Image OutputImage(const Layer& layer, const Image& image);

// The input pixel under each tap of one output pixel, in the order of the kernel; null where the
// tap lies in the padding. Refuses an input of the wrong size, positions outside of the output
// and bytes under those taps that exceed the maximum.
std::vector<const uint8_t*> TapsOf(const Layer& layer, const Image& image,
                                   std::span<const uint8_t> input, int64_t batch,
                                   const Spatial& position);

// The last steps of the definition for one sum of each output channel: `output` has as many bytes.
void Requantize(const Layer& layer, std::span<const int32_t> sums, std::span<uint8_t> output);

using PixelTask = std::function<void(int64_t batch, const Spatial& position)>;

// Calls the task for each pixel of an output image, in the order of its layout.
void ForEachPixel(const Image& output, const PixelTask& task);

using SumsOfPixel = std::function<std::vector<int32_t>(int64_t batch, const Spatial& position)>;

// A whole layer; arguments and errors as Conv::Run.
void Run(const Layer& layer, const Image& image, std::span<const uint8_t> input,
         std::span<uint8_t> output, const SumsOfPixel& sums);

// One output pixel, from its sums. Refuses an output of the wrong size or one that overlaps the
// input.
void WritePixel(const Layer& layer, std::span<const int32_t> sums, std::span<const uint8_t> input,
                std::span<uint8_t> output);

}  // namespace qconv::reference
