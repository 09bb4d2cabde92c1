// ReferenceConv: the arithmetic of this library in plain loops, to validate against.
//
// Layer: public API. Shares no code with the packed layer (its loops, its validation and its
// rounding are its own), so that the two can check each other. Read next: src/reference/.
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

// A layer evaluated by the definition in conv.h. Slow (about 1 GMAC/s). Keeps copies of its
// arguments, shared by copies of the object; const members are thread-safe.
class QCONV_API ReferenceConv {
 public:
  // Arguments and errors as Conv::Prepack; `input_maximum` as in its options (errors name it as it
  // is named here).
  ReferenceConv(const ConvParams& params, const Quantization& quantization,
                std::span<const int8_t> weights, std::span<const float> bias = {},
                Activation activation = {}, int32_t input_maximum = 255);

  // A move copies, so that none is ever without a layer.
  ReferenceConv(const ReferenceConv&) = default;
  ReferenceConv& operator=(const ReferenceConv&) = default;

  // Errors as Conv's.
  Image OutputImage(const Image& image) const;

  // The whole layer; arguments and errors as Conv::Run.
  void Run(const Image& image, std::span<const uint8_t> input, std::span<uint8_t> output) const;

  // One output pixel: writes out_channels bytes to `output`. `position` is in the output image.
  // Only the input under its window is held to the maximum; likewise for the accumulators.
  void RunPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                const Spatial& position, std::span<uint8_t> output) const;

  // The exact accumulators of one output pixel, out_channels of them: sum (a - za) * (w - zw).
  std::vector<int32_t> Accumulators(const Image& image, std::span<const uint8_t> input,
                                    int64_t batch, const Spatial& position) const;

 private:
  std::shared_ptr<const reference::Layer> layer_;
};

}  // namespace qconv
