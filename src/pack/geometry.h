// Geometry: the shape of a layer with every rank made 3 and every default filled in.
//
// Layer: pack. A 1D layer is (1, 1, k), a 2D layer (1, kh, kw). Read next: packed_layer.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace qconv::pack {

using Dims = std::array<int64_t, 3>;  // d, h, w

struct Geometry {
  int rank;  // of the layer as given
  int64_t in_channels, out_channels, groups;
  Dims kernel, stride, dilation, padding, padding_end;  // dilation 1 where the kernel has one tap

  int64_t GroupInputs() const { return in_channels / groups; }
  int64_t GroupOutputs() const { return out_channels / groups; }
  int64_t Taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t DepthOfOutput() const { return Taps() * GroupInputs(); }  // products per output

  // Input positions of dimension i from the first of `taps` taps of an output to the last one of
  // the last of `outputs` neighbours.
  int64_t InputExtent(size_t i, int64_t taps, int64_t outputs) const {
    return (outputs - 1) * stride[i] + (taps - 1) * dilation[i] + 1;
  }

  // With a dilation in w the pixels of an output row fall into so many phases. Every Phases()-th
  // pixel has its taps on the same columns of input, dilation[2] apart, and is so many of these
  // columns from the one before.
  int64_t Phases() const { return dilation[2] / std::gcd(stride[2], dilation[2]); }
  int64_t ColumnStride() const { return stride[2] / std::gcd(stride[2], dilation[2]); }

  // Output pixels are input pixels: 1x1, stride 1, no padding.
  bool Pointwise() const {
    for (size_t i = 0; i < 3; ++i) {
      if (kernel[i] != 1 || stride[i] != 1 || padding[i] != 0 || padding_end[i] != 0) return false;
    }
    return true;
  }
};

}  // namespace qconv::pack
