// Argument checks of the reference: every refusal names the field, its value and what it should be,
// in the words of Conv's.
//
// Layer: reference; knows only the public headers, so that it can contradict the packed layer.
// Read next: refuse.h for single numbers, layer.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "qconv/params.h"
#include "reference/refuse.h"

namespace qconv::reference {

// A Spatial of the layer, none of them empty.
inline void CheckSpatial(const std::string& field, const Spatial& spatial, int rank,
                         int64_t minimum) {
  if (spatial.rank() != rank) {
    Refuse(field + ".rank()", spatial.rank(),
           "the kernel's rank " + Text(rank) + ", or an empty " + field);
  }
  for (int i = 0; i < rank; ++i) CheckRange(Indexed(field, i), spatial[i], minimum);
}

// Checks the shape and returns it with every Spatial filled in.
inline ConvParams Completed(ConvParams params) {
  const int rank = params.kernel.rank();
  if (rank < 1 || rank > Spatial::kMaxRank) {
    Refuse("ConvParams.kernel.rank()", rank, "1, 2 or 3");
  }
  if (params.stride.empty()) params.stride = Spatial::Filled(rank, 1);
  if (params.dilation.empty()) params.dilation = Spatial::Filled(rank, 1);
  if (params.padding.empty()) params.padding = Spatial::Filled(rank, 0);
  if (params.padding_end.empty()) params.padding_end = params.padding;
  CheckRange("ConvParams.in_channels", params.in_channels, 1);
  CheckRange("ConvParams.out_channels", params.out_channels, 1);
  CheckRange("ConvParams.groups", params.groups, 1);
  if (params.in_channels % params.groups != 0) {
    Refuse("ConvParams.groups", params.groups,
           "a divisor of in_channels = " + Text(params.in_channels));
  }
  if (params.out_channels % params.groups != 0) {
    Refuse("ConvParams.groups", params.groups,
           "a divisor of out_channels = " + Text(params.out_channels));
  }
  CheckSpatial("ConvParams.kernel", params.kernel, rank, 1);
  CheckSpatial("ConvParams.stride", params.stride, rank, 1);
  CheckSpatial("ConvParams.dilation", params.dilation, rank, 1);
  CheckSpatial("ConvParams.padding", params.padding, rank, 0);
  CheckSpatial("ConvParams.padding_end", params.padding_end, rank, 0);
  CheckElements("ConvParams.out_channels * kernel * in_channels / groups", "weights",
                params.out_channels, params.kernel, params.in_channels / params.groups);
  return params;
}

inline bool IsScale(float scale) { return std::isfinite(scale) && scale > 0.0f; }

inline void CheckScale(const std::string& field, float scale) {
  if (!IsScale(scale)) Refuse(field, scale, "a finite number > 0");
}

inline void CheckAffine(const std::string& field, const Affine& affine) {
  CheckScale(field + ".scale", affine.scale);
  if (affine.zero_point < 0 || affine.zero_point > 255) {
    Refuse(field + ".zero_point", affine.zero_point, "0..255");
  }
}

// The zero point must be a value that inputs may take: padding holds it.
inline void CheckInputMaximum(int32_t maximum, const Affine& input) {
  if (maximum < 0 || maximum > 255) Refuse("input_maximum", maximum, "0..255");
  if (input.zero_point > maximum) {
    Refuse("Quantization.input.zero_point", input.zero_point,
           "at most input_maximum = " + Text(maximum));
  }
}

inline void CheckActivation(const Activation& activation) {
  if (std::isnan(activation.lower)) Refuse("Activation.lower", activation.lower, "a number");
  if (std::isnan(activation.upper)) Refuse("Activation.upper", activation.upper, "a number");
  if (activation.lower > activation.upper) {
    Refuse("Activation.lower", activation.lower,
           "at most Activation.upper = " + Text(activation.upper));
  }
}

// `channels` values from as many, or from one that stands for all.
template <typename T>
std::vector<T> PerChannel(const std::string& field, std::span<const T> values, int64_t channels) {
  if (values.size() != 1 && values.size() != static_cast<size_t>(channels)) {
    Refuse(field + ".size()", values.size(), "1 or out_channels = " + Text(channels));
  }
  CheckMemory(field, values);
  if (values.size() == 1) return std::vector<T>(static_cast<size_t>(channels), values[0]);
  return {values.begin(), values.end()};
}

// Refuses an output channel whose derived float32 factors are not numbers to calculate with.
// `bias` is null without bias.
inline void CheckFactors(int64_t channel, const Quantization& quantization, float weight_scale,
                         const float* bias) {
  const float product = quantization.input.scale * weight_scale;
  const float multiplier = product / quantization.output.scale;
  const float addend = bias == nullptr ? 0.0f : *bias / product;
  if (IsScale(weight_scale) && IsScale(product) && IsScale(multiplier) && std::isfinite(addend)) {
    return;  // most do: no names are made for them
  }
  CheckScale(Indexed("Quantization.weight_scales", channel), weight_scale);
  const std::string scale = "Quantization.input.scale * weight_scales";
  const auto refuse = [channel](const std::string& field, float value, const char* want) {
    Refuse(field, Text(value) + " for output channel " + Text(channel), want);
  };
  if (!IsScale(product)) refuse(scale, product, "a finite float32 number > 0");
  if (!IsScale(multiplier)) {
    refuse(scale + " / output.scale", multiplier, "a finite float32 number > 0");
  }
  if (!std::isfinite(*bias)) Refuse(Indexed("bias", channel), *bias, "a finite number");
  refuse("bias / (" + scale + ")", addend, "a finite float32 number");
}

// The largest magnitude of an output channel's accumulator, for the worst u8 input; refuses a
// channel for which that is beyond int32. The largest sum takes activations of 255 under positive
// weights and of 0 under negative ones; the smallest the other way round.
inline int64_t CheckedAccumulator(int64_t channel, std::span<const int8_t> weights,
                                  int64_t weight_zero_point, int64_t input_zero_point) {
  constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();
  constexpr int64_t kEnough = int64_t{1} << 61;
  constexpr size_t kBlock = 4096;  // far fewer than int64 can take
  int64_t positive = 0, sum = 0, bound = 0;
  while (!weights.empty() && bound < kEnough) {
    const size_t count = std::min(kBlock, weights.size());
    for (const int8_t weight : weights.first(count)) {
      const int64_t w = weight - weight_zero_point;
      positive += std::max<int64_t>(w, 0);
      sum += w;
    }
    weights = weights.subspan(count);
    const int64_t negative = positive - sum;
    bound = std::max((255 - input_zero_point) * positive + input_zero_point * negative,
                     (255 - input_zero_point) * negative + input_zero_point * positive);
  }
  if (bound > kInt32Max) {
    throw std::invalid_argument(
        "qconv: weights: the int32 accumulator could reach " + Text(bound) +
        " for output channel " + Text(channel) +
        (weight_zero_point == 0 ? ""
                                : ", Quantization.weight_zero_points " + Text(weight_zero_point)) +
        "; want a bound of at most " + Text(kInt32Max));
  }
  return bound;
}

// The input tensor's size; batch and sizes of `image` have been checked.
inline void CheckInput(std::span<const uint8_t> input, const Image& image, int64_t channels) {
  CheckCount("input", input, Volume(channels * image.batch, image.size),
             "batch * size * in_channels");
}

// Refuses the first byte of [begin, begin + count) that exceeds the maximum. The tensor's size has
// been checked.
inline void CheckInputBytes(std::span<const uint8_t> input, size_t begin, size_t count,
                            const Image& image, int64_t channels, int32_t maximum) {
  for (size_t i = begin; i < begin + count; ++i) {
    if (input[i] <= maximum) continue;
    int64_t pixel = static_cast<int64_t>(i) / channels;
    std::string position;
    for (int d = image.size.rank() - 1; d >= 0; --d) {
      position = "[" + Text(pixel % image.size[d]) + "]" + position;
      pixel /= image.size[d];
    }
    Refuse("input at batch " + Text(pixel) + ", position " + position + ", channel " +
               Text(static_cast<int64_t>(i) % channels),
           int{input[i]}, "at most input_maximum = " + Text(maximum));
  }
}

inline void CheckDisjoint(std::span<const uint8_t> input, std::span<uint8_t> output) {
  const std::less<const uint8_t*> before;
  if (!before(input.data(), output.data() + output.size()) ||
      !before(output.data(), input.data() + input.size())) {
    return;
  }
  const int64_t behind = output.data() - input.data();
  Refuse("output overlaps input: output.data()",
         (behind < 0 ? "input.data() - " : "input.data() + ") + Text(std::abs(behind)),
         "separate tensors");
}

}  // namespace qconv::reference
