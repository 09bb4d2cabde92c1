#include "qconv/conv.h"

#include <utility>

#include "describe.h"
#include "input_maximum.h"
#include "layer.h"
#include "pack/packed_layer.h"
#include "run.h"
#include "validate.h"

namespace qconv {
namespace {

int64_t Elements(int64_t batch, const pack::Dims& size, int64_t channels) {
  return batch * size[0] * size[1] * size[2] * channels;
}

Way WayOf(const pack::PackedLayer& layer, const Image& image) {
  const pack::Dims size = ValidateImage(layer.geometry, image);
  return ChooseWay(layer, image.batch, size, OutputSize(layer.geometry, size));
}

}  // namespace

struct Conv::Packed {
  ConvParams params;
  pack::PackedLayer layer;
  SaturationReport saturation;
};

Conv::Conv(std::shared_ptr<const Packed> packed) : packed_(std::move(packed)) {}

Conv Conv::Prepack(const ConvParams& params, const Quantization& quantization,
                   std::span<const int8_t> weights, std::span<const float> bias,
                   const PrepackOptions& options) {
  pack::PackedLayer layer = BuildLayer(params, quantization, weights, bias, options);
  return Conv(std::make_shared<const Packed>(
      Packed{params, std::move(layer),
             AnalyzeSaturation(params, quantization, weights, options.input_maximum)}));
}

Image Conv::OutputImage(const Image& image) const {
  const pack::Geometry& g = packed_->layer.geometry;
  const pack::Dims size = OutputSize(g, ValidateImage(g, image));
  Image output = image;
  for (int i = 0; i < g.rank; ++i) output.size[i] = size[static_cast<size_t>(3 - g.rank + i)];
  return output;
}

int64_t Conv::InputBytes(const Image& image) const {
  const pack::Geometry& g = packed_->layer.geometry;
  return Elements(image.batch, ValidateImage(g, image), g.in_channels);
}

int64_t Conv::OutputBytes(const Image& image) const {
  const pack::Geometry& g = packed_->layer.geometry;
  return Elements(image.batch, OutputSize(g, ValidateImage(g, image)), g.out_channels);
}

void Conv::Run(const Image& image, std::span<const uint8_t> input, std::span<uint8_t> output,
               const Executor& executor) const {
  const pack::PackedLayer& layer = packed_->layer;
  const pack::Geometry& g = layer.geometry;
  const pack::Dims input_size = ValidateImage(g, image);
  const pack::Dims output_size = OutputSize(g, input_size);
  ValidateTensors(input, Elements(image.batch, input_size, g.in_channels), output,
                  Elements(image.batch, output_size, g.out_channels));
  CheckInputMaximum(layer, input_size, input, executor);
  RunLayer(layer, image.batch, input_size, output_size, input.data(), output.data(), executor);
}

const ConvParams& Conv::params() const { return packed_->params; }

ConvDescription Conv::Describe() const { return DescribeLayer(packed_->layer); }

bool Conv::RunsTransformed(const Image& image) const {
  return WayOf(packed_->layer, image).transformed;
}

int64_t Conv::NeighboursAtOnce(const Image& image) const {
  const Way way = WayOf(packed_->layer, image);
  const int64_t single = packed_->layer.geometry.out_channels;
  return way.transformed ? 1 : way.rows.layer->geometry.out_channels / single;
}

const SaturationReport& Conv::Saturation() const { return packed_->saturation; }

}  // namespace qconv
