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

#include "qconv/export.h"
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
QCONV_API const char* SaturatingPathName(SaturatingPath path);

// How often sums saturated on some input, and what came of it.
struct SaturationCount {
  int64_t outputs = 0;             // bytes looked at
  int64_t saturated = 0;           // those in whose sum an int16 saturated
  int64_t different = 0;           // those that differ from the exact ones
  int32_t largest_difference = 0;  // levels of the output, 0..255

  QCONV_API SaturationCount& operator+=(const SaturationCount& other);
  friend bool operator==(const SaturationCount&, const SaturationCount&) = default;
};

// ReferenceConv with sums that saturate; all else of the definition in conv.h holds. As slow. Keeps
// copies of its arguments, shared by copies of the object; const members are thread-safe.
class QCONV_API SaturatingConv {
 public:
  // Arguments and errors as Conv::Prepack.
  SaturatingConv(const ConvParams& params, const Quantization& quantization,
                 std::span<const int8_t> weights, std::span<const float> bias = {},
                 Activation activation = {});

  // A move copies, so that none is ever without a layer.
  SaturatingConv(const SaturatingConv&) = default;
  SaturatingConv& operator=(const SaturatingConv&) = default;

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

// An output channel that can saturate, and how far at worst.
struct SaturatingChannel {
  int64_t channel = 0;
  int64_t pairs = 0;        // that can saturate
  int32_t worst_above = 0;  // how far a pair can exceed 32767: 0..32003; some input does
  int32_t worst_below = 0;  // how far a pair can fall short of -32768: 0..32512; some input does
  // The saturated accumulator less the exact one is never outside of these: <= 0 and >= 0. Where
  // only pairs saturate, some input attains the one and some the other.
  int64_t lowest_error = 0;
  int64_t highest_error = 0;
  // No output differs by more: the larger error * input scale * weight scale / output scale,
  // rounded up (to the next integer if it is one: two ties may round apart). 1..255.
  int32_t levels = 0;

  friend bool operator==(const SaturatingChannel&, const SaturatingChannel&) = default;
};

// What saturation can do to a layer at worst, for any input of up to `input_maximum`.
struct SaturationReport {
  SaturatingPath path = SaturatingPath::kGemm;
  int32_t input_maximum = 255;  // or the input zero point, if there is padding and it is larger
  std::vector<SaturatingChannel> channels = {};  // those that can saturate, ascending
  int64_t pairs = 0;                             // that can saturate, of all channels
  int32_t worst_excess = 0;                      // the largest worst_above or worst_below
  int32_t levels = 0;                            // the largest of a channel; 0 if none can saturate
  // How far the sum of the input under a kernel can exceed 32767, where that is an int16
  // (kDepthwise) and matters (a weight zero point is not 0); else 0.
  int64_t row_sum_excess = 0;
  // Whether nothing could saturate if the input were quantized to a reduced range, itself and its
  // zero point within 0..127; or if all weights were clamped to -64..64. True of a layer that
  // cannot saturate as it is. Pairs are cured by either, row sums of large kernels at best by the
  // first.
  bool cured_by_reduced_range = true;
  bool cured_by_small_weights = true;

  friend bool operator==(const SaturationReport&, const SaturationReport&) = default;
};

// Analyzes a layer by its weights. `input_maximum` is the largest input there will be, 0..255.
// Padding holds the input zero point: in a layer with padding, no maximum counts for less than it.
// Other arguments and errors as Conv::Prepack's (whose input zero point must not exceed the
// maximum; here it may); some ns per weight.
QCONV_API SaturationReport AnalyzeSaturation(const ConvParams& params,
                                             const Quantization& quantization,
                                             std::span<const int8_t> weights,
                                             int32_t input_maximum = 255);

}  // namespace qconv
