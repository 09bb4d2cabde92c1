// What a quantized convolution layer is: its shape, its quantization, its activation.
//
// Layer: public API. Plain data, validated by Conv::Prepack and ReferenceConv, never here.
// Read next: conv.h.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "qconv/spatial.h"

namespace qconv {

// Shape of a convolution. The rank of `kernel` (1, 2 or 3) is the rank of the layer; every other
// Spatial is either empty (its default) or of that rank. Channel counts are totals over all groups.
// No number exceeds 2^31, and there are at most 2^46 weights.
struct ConvParams {
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t groups = 1;     // divides in_channels and out_channels; depthwise: groups == in_channels
  Spatial kernel;         // >= 1
  Spatial stride = {};    // >= 1; empty: ones
  Spatial dilation = {};  // >= 1, 1 means none; empty: ones
  Spatial padding = {};   // >= 0, before (front, top, left); empty: zeros
  Spatial padding_end = {};  // >= 0, behind (back, bottom, right); empty: the same as `padding`
};

// Affine quantization of a tensor: real = scale * (q - zero_point).
struct Affine {
  float scale = 1.0f;      // finite, > 0
  int32_t zero_point = 0;  // 0..255 for the u8 tensors of this library
};

// Quantization of a layer: u8 activations, s8 weights, u8 output. The spans are only read while
// packing; they need not outlive the call.
struct Quantization {
  Affine input = {};
  std::span<const float> weight_scales;  // 1 entry (per tensor) or out_channels (per channel)
  // Empty (all zero), 1 entry or out_channels. Any int32 that the accumulator bound admits.
  std::span<const int32_t> weight_zero_points = {};
  Affine output = {};
};

// Clamp of the real-valued result before it is stored; the bounds are real numbers. On the
// quantized scale a bound is min(255, max(0, RNE(fl32(bound / output.scale)) + output.zero_point)),
// so the lower bound of Relu() is exactly the output zero point.
struct Activation {
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();  // >= lower
};

constexpr Activation Identity() { return {}; }
constexpr Activation Relu() { return {.lower = 0.0f}; }
constexpr Activation Relu6() { return {.lower = 0.0f, .upper = 6.0f}; }
constexpr Activation Clamp(float lower, float upper) { return {.lower = lower, .upper = upper}; }

// Batch and spatial size of an activation tensor; the channels belong to the layer. Layout is
// channels-last: [batch][d][h][w][channels], without gaps. Input and output have at most 2^46 bytes
// each, where a batch of 0 counts as 1.
struct Image {
  int64_t batch = 1;  // 0..2^31
  Spatial size;       // 1..2^31 in each dimension, of the layer's rank

  friend constexpr bool operator==(const Image&, const Image&) = default;
};

}  // namespace qconv
