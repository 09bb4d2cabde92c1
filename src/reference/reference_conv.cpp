// ReferenceConv: the definition of a layer (qconv/conv.h) in plain loops.
//
// Layer: reference; knows only the public headers: a mistake in the packed layer must not be
// repeated here. Read next: layer.h for what comes before and after the sums.
#include "qconv/reference.h"
#include "reference/layer.h"

namespace qconv {
namespace {

// One accumulator. `weights` are those of the output channel, [tap][depth]; its inputs are the
// channels from `first_channel` on. A tap in the padding holds input zero points, so it adds
// nothing.
int32_t Dot(const std::vector<const uint8_t*>& taps, int64_t first_channel, int64_t depth,
            const int8_t* weights, int32_t input_zero_point, int32_t weight_zero_point) {
  int32_t sum = 0;
  for (const uint8_t* tap : taps) {
    if (tap != nullptr) {
      const uint8_t* a = tap + first_channel;
      for (int64_t k = 0; k < depth; ++k) {
        sum += (a[k] - input_zero_point) * (weights[k] - weight_zero_point);
      }
    }
    weights += depth;
  }
  return sum;
}

}  // namespace

ReferenceConv::ReferenceConv(const ConvParams& params, const Quantization& quantization,
                             std::span<const int8_t> weights, std::span<const float> bias,
                             Activation activation, int32_t input_maximum)
    : layer_(std::make_shared<const reference::Layer>(
          reference::MakeLayer(params, quantization, weights, bias, activation, input_maximum))) {}

Image ReferenceConv::OutputImage(const Image& image) const {
  return reference::OutputImage(*layer_, image);
}

void ReferenceConv::Run(const Image& image, std::span<const uint8_t> input,
                        std::span<uint8_t> output) const {
  reference::Run(*layer_, image, input, output, [&](int64_t batch, const Spatial& position) {
    return Accumulators(image, input, batch, position);
  });
}

void ReferenceConv::RunPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                             const Spatial& position, std::span<uint8_t> output) const {
  reference::WritePixel(*layer_, Accumulators(image, input, batch, position), input, output);
}

std::vector<int32_t> ReferenceConv::Accumulators(const Image& image, std::span<const uint8_t> input,
                                                 int64_t batch, const Spatial& position) const {
  const std::vector<const uint8_t*> taps =
      reference::TapsOf(*layer_, image, input, batch, position);
  std::vector<int32_t> sums;
  sums.reserve(static_cast<size_t>(layer_->params.out_channels));
  for (int64_t j = 0; j < layer_->params.out_channels; ++j) {
    sums.push_back(Dot(taps, layer_->FirstInput(j), layer_->Depth(), layer_->WeightsOf(j).data(),
                       layer_->input.zero_point,
                       layer_->weight_zero_points[static_cast<size_t>(j)]));
  }
  return sums;
}

}  // namespace qconv
