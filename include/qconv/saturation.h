// What a layer would give, or could give at worst, on a library that multiplies with vpmaddubsw:
// to explain other bytes on CPUs without VNNI. Nothing of it takes part in computing a layer.
//
// vpmaddubsw adds two products u8 * s8 in int16 and saturates: 255 * 127 + 255 * 127 becomes 32767.
// Which two products meet is up to the library; here it is FBGEMM's kernels for AVX2, with the
// choice among them that FBGEMM makes. conv.h never saturates in int16.
//
// Layer: public API. Shares no code with the packed layer. Read next: src/reference/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "qconv/params.h"

namespace qconv {

namespace reference {
struct Layer;  // src/reference/layer.h
}

// FBGEMM's kernels. In all of them the products of an output channel come in the order of its
// weights, [kernel...][in / groups], and the 2i-th and the (2i+1)-th of them share an int16; the
// last of an odd number is alone. Taps in the padding hold the input zero point and saturate as any
// other.
enum class SaturatingPath {
  kGemm,       // pointwise, and after im2col: all that the other two do not take
  kGroupwise,  // 3x3 (3x3x3) kernels, groups of 2, 4, 8 or 16 channels: a pair is two channels
  // Kernels of 3, 5 and 7, groups of one channel: a pair is two taps. With weight zero points, the
  // sum of the input under the kernel is kept in int16 as well.
  kDepthwise,
};

// "gemm", "groupwise", "depthwise".
const char* SaturatingPathName(SaturatingPath path);

// How often sums saturated on some input, and what came of it.
struct SaturationCount {
  int64_t outputs = 0;             // bytes looked at
  int64_t saturated = 0;           // those in whose sum an int16 saturated
  int64_t different = 0;           // those that differ from the exact ones
  int32_t largest_difference = 0;  // levels of the output, 0..255

  SaturationCount& operator+=(const SaturationCount& other);
  friend bool operator==(const SaturationCount&, const SaturationCount&) = default;
};

// ReferenceConv with sums that saturate; all else of the definition in conv.h holds. As slow. Keeps
// copies of its arguments, shared by copies of the object; const members are thread-safe.
class SaturatingConv {
 public:
  // Arguments and errors as Conv::Prepack.
  SaturatingConv(const ConvParams& params, const Quantization& quantization,
                 std::span<const int8_t> weights, std::span<const float> bias = {},
                 Activation activation = {});

  SaturatingPath path() const { return path_; }

  // These as in ReferenceConv.
  Image OutputImage(const Image& image) const;
  void Run(const Image& image, std::span<const uint8_t> input, std::span<uint8_t> output) const;
  void RunPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                const Spatial& position, std::span<uint8_t> output) const;

  // The accumulators of one output pixel, out_channels of them. Modulo 2^32: an exact sum fits in
  // int32, one that has saturated need not.
  std::vector<int32_t> Accumulators(const Image& image, std::span<const uint8_t> input,
                                    int64_t batch, const Spatial& position) const;

  // What this input does, in the whole output or in one pixel of it.
  SaturationCount Count(const Image& image, std::span<const uint8_t> input) const;
  SaturationCount CountPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                             const Spatial& position) const;

 private:
  std::shared_ptr<const reference::Layer> layer_;
  SaturatingPath path_;
};

}  // namespace qconv
