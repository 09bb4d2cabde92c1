// Conv: a convolution layer packed once, run many times.
//
// Layer: public API. Read next: params.h for the inputs, reference.h for the arithmetic in plain
// loops, executor.h for threads, isa.h for what the machine offers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "qconv/executor.h"
#include "qconv/export.h"
#include "qconv/params.h"
#include "qconv/saturation.h"

namespace qconv {

struct PrepackOptions {
  Activation activation = {};
  // Name of the ISA to use (see isa.h). Empty: the environment variable QCONV_ISA if it is set,
  // else the best that this CPU has.
  std::string isa = {};
  // The caller's word that no input byte exceeds it, 0..255; at least the input zero point, as that
  // is what padding holds. Run checks it, on every ISA alike. CPUs without VNNI compute faster the
  // less of the range is used: 127 is what models quantized with reduced range have.
  int32_t input_maximum = 255;
  // Whether layers with 3x3 kernels and, on CPUs without VNNI, pointwise ones may be packed a
  // second time, to compute larger images by an algorithm of fewer products, to the same bytes
  // (ConvDescription::transform). 3x3 layers take up to two fifths less time so on CPUs with VNNI
  // and three quarters on others, for eight bytes more for each weight; pointwise ones up to a
  // third less, for two to six bytes; both for more bytes where output channels do not fill a
  // vector. Tasks of Run (executor.h) then take up to 700 KiB of stack instead of 120.
  //
  // Also whether layers of few output channels may be packed for several pixels at once
  // (ConvDescription::most_neighbours), some times as fast, for 2 to 12 times the memory.
  bool transforms = true;
};

// What a packed layer is; for logs and tests, not for control flow.
struct ConvDescription {
  std::string isa;  // "avx512_vnni"
  // How kernels read the input. In place: "direct" (pointwise layers: an output pixel is made of
  // one of the input) or "indirect" (others: of one for each tap). "gathered": pixels are copied
  // together first, their channels rounded up to a multiple of four, or, of first layers, as whole
  // rows. Depthwise layers and narrow groups: "lanes" (bytes are copied to where the lanes of a
  // vector want them) or "sliding" (in place, along the rows; images whose rows have fewer bytes
  // than a vector, or a pixel or two of output, are read as with "lanes"). This is as packed;
  // edges, small images, and first layers' rows may be copied.
  std::string feed;
  // Register tiles, rows x output channels: "6x64", "6x64 + 12x32"; with "lanes" and "sliding"
  // output channels alone: "64 + 16".
  std::string tile;
  // How sums become bytes: "fused", in a single multiply-add that packing has proven to give the
  // same bytes as the steps of the formula; "stepwise"; or some output channels so and others so,
  // "partly fused".
  std::string epilogue;
  // How products are summed: by an instruction that sums four of them exactly ("vpdpbusd zmm"), or
  // in "plain C++". Without such an instruction: in "int16 chains" (one or several vpmaddubsw into
  // one int16, which packing has proven to fit), "widened" to 16 bits (vpmaddwd), or some output
  // channels so and others so, "int16 chains + widened".
  std::string arithmetic;
  std::array<int64_t, 4> chains = {};  // of 1, 2, 3 and 4 links: those of an output pixel, all taps
  int64_t links = 0;                   // of all chains
  int64_t widened_channels = 0;        // output channels
  // What multiplying takes, in vector instructions beside loads for four products in each lane of a
  // vector; and what it would take if everything were widened. Both 0 where there is no such
  // choice: with exact dot products, and for the feeds "lanes" and "sliding".
  double instructions = 0;
  double widened_instructions = 0;
  // Some layers are packed a second time, with transformed weights of 16 bits, unless that is
  // declined (PrepackOptions). Images take that packing which take less time so, by a model
  // (Conv::RunsTransformed): large ones; feed, tile, epilogue and arithmetic are about the others.
  //
  // "Winograd": layers with 3x3 kernels (in rank 3: n x 3 x 3) and strides of 1 in these two
  // dimensions, on all ISAs but "scalar". F(4x4, 3x3) takes 36 products for 16 outputs instead of
  // 144. Layers are considered from 16 (AVX-512: 32) input channels on, up to some 1400 of a group
  // times n; a model decides. In integers it is as exact, so long as no weight less its zero point
  // exceeds 668 in magnitude, and sums of weights of one sign do not exceed 2^25 / input_maximum:
  // those of 16 or 32 input channels, or of a group.
  //
  // "Strassen" and "Strassen, twice": pointwise layers without padding or groups, of any stride, on
  // "avx2" and "avx512". 7 products instead of 8, or 49 instead of 64. Input and output channels
  // are multiples of 2, or 4; layers are considered from 32 or 64 (AVX-512: 64 or 128) inputs on,
  // and a model decides: chains take less time, so these are for weights that admit few. As exact,
  // so long as no weight less its zero point exceeds 8191, or 2047, in magnitude. "widened": others
  // of these, from 16 inputs on, on "avx2"; as many products, but the input is widened to 16 bits
  // only once.
  //
  // The algorithm; register tiles, "12x32" (tiles of 16, 2, 4 or 1 outputs x output channels); and
  // instructions as above, those of the transforms among them. "", "" and 0: the layer has none.
  std::string transform = {};
  std::string transform_tile = {};
  double transform_instructions = 0;
  // Layers of so few output channels that several neighbouring pixels of a row fit the lanes of a
  // vector are packed for these, too, unless that is declined (PrepackOptions): for 2, 4, ... at
  // once, so many at most. How many are, is a matter of the width of the output
  // (Conv::NeighboursAtOnce); images that gain more by `transform` take that. Feed, tile, epilogue
  // and arithmetic are about single pixels. 1: not this layer, nor any with weight zero points.
  int64_t most_neighbours = 1;
  int64_t packed_bytes = 0;       // of its packed arrays; the saturation report comes on top
  int64_t accumulator_bound = 0;  // no int32 accumulator can exceed this magnitude
  int32_t input_maximum = 255;    // as declared (PrepackOptions)
};

// A packed, immutable convolution layer.
//
// Arithmetic (float32 operations rounded to nearest even, no contraction), for output channel j:
//   raw  = sum over taps and channels of (a - input.zero_point) * (w - weight_zero_point[j])
//   x    = float(raw) + bias[j] / (input.scale * weight_scale[j])      (no addition without bias)
//   y    = x * ((input.scale * weight_scale[j]) / output.scale)
//   out  = min(255, max(0, RNE(y) + output.zero_point)), then clamped by the activation
// Padding contributes a = input.zero_point, that is nothing. This is what FBGEMM computes with
// per-channel weights on a VNNI machine; here every ISA gives the same bytes.
//
// Copying is cheap (the packed layer is shared). All const members are safe to call from any number
// of threads at once.
class QCONV_API Conv {
 public:
  // Packs a layer.
  //   weights: s8, [out_channels][kernel...][in_channels / groups], all values allowed.
  //   bias:    float32 in real units, empty (none) or out_channels entries, finite.
  // Nothing of the arguments is referenced afterwards.
  // Throws std::invalid_argument, naming the field and its value, for anything out of range, for a
  // layer whose int32 accumulator could wrap for some u8 input, and for an ISA that this CPU lacks.
  static Conv Prepack(const ConvParams& params, const Quantization& quantization,
                      std::span<const int8_t> weights, std::span<const float> bias = {},
                      const PrepackOptions& options = {});

  // A move copies, so that none is ever without a layer.
  Conv(const Conv&) = default;
  Conv& operator=(const Conv&) = default;

  // Size of the output for an image of the given size: per dimension
  //   floor((size + padding + padding_end - dilation * (kernel - 1) - 1) / stride) + 1.
  // Throws std::invalid_argument when the rank is wrong, the kernel does not fit or a tensor is too
  // large (params.h); and so do the other functions of images.
  Image OutputImage(const Image& image) const;

  // Number of bytes of an activation tensor of this layer.
  int64_t InputBytes(const Image& image) const;
  int64_t OutputBytes(const Image& image) const;  // `image` is the input's

  // Runs the layer. `input` is u8 [batch][size...][in_channels], `output` u8
  // [batch][output size...][out_channels]; both channels-last and exactly as long as that. Any
  // batch and image size, changing from call to call. Reads and writes nothing outside the two
  // tensors. Allocates nothing (the executor may, to start its tasks), unless the scratch
  // that the kernel window of one pixel takes exceeds 64 KiB (windows over very many channels that
  // must be gathered, depthwise kernels from 43 x 43 on AVX-512 without VNNI, from about 60 x 60
  // elsewhere). The bytes do not depend on the executor, the number of threads or the ISA. Throws
  // std::invalid_argument before anything is written when a size does not match, the tensors
  // overlap or an input byte exceeds the declared maximum; that error names the first such byte in
  // memory: value, batch, position and channel.
  void Run(const Image& image, std::span<const uint8_t> input, std::span<uint8_t> output,
           const Executor& executor = Executor::Current()) const;

  const ConvParams& params() const;
  ConvDescription Describe() const;

  // Whether Run computes images of this size, the input's, by ConvDescription::transform. Throws
  // std::invalid_argument for an image that Run would not take; likewise NeighboursAtOnce.
  bool RunsTransformed(const Image& image) const;

  // How many neighbouring pixels of a row of output Run computes at once for images of this size, a
  // power of two: 1 to ConvDescription::most_neighbours; 1 if RunsTransformed.
  int64_t NeighboursAtOnce(const Image& image) const;

  // What int16 saturation could do to this layer on libraries that multiply with vpmaddubsw, for
  // any input up to the declared maximum: AnalyzeSaturation, done by Prepack. Here nothing
  // saturates. Lives as long as this Conv or a copy of it.
  const SaturationReport& Saturation() const;

 private:
  struct Packed;
  explicit Conv(std::shared_ptr<const Packed> packed);
  std::shared_ptr<const Packed> packed_;
};

}  // namespace qconv
