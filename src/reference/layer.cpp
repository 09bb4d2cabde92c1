#include "reference/layer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "reference/checks.h"
#include "reference/default_floats.h"

namespace qconv::reference {
namespace {

using Extent3 = std::array<int64_t, 3>;

// A Spatial of any rank as three dimensions; the missing outer ones are `fill`.
Extent3 ThreeDimensions(const Spatial& spatial, int64_t fill) {
  Extent3 extent = {fill, fill, fill};
  std::copy(spatial.begin(), spatial.begin() + spatial.rank(), extent.end() - spatial.rank());
  return extent;
}

// RNE(value) + zero_point, saturated to 0..255. The inner clamp changes no result, as zero points
// are 0..255; it keeps infinities and values beyond int32 away from the conversion.
int32_t Saturate(float value, int32_t zero_point) {
  const float rounded = std::nearbyint(std::clamp(value, -1000.0f, 1000.0f));
  return std::clamp(static_cast<int32_t>(rounded) + zero_point, 0, 255);
}

}  // namespace

Layer MakeLayer(const ConvParams& params, const Quantization& quantization,
                std::span<const int8_t> weights, std::span<const float> bias, Activation activation,
                int32_t input_maximum) {
  const DefaultFloats default_floats;
  Layer layer;
  layer.params = Completed(params);
  layer.input = quantization.input;
  layer.output = quantization.output;
  layer.activation = activation;
  layer.input_maximum = input_maximum;
  const int64_t channels = layer.params.out_channels;
  const int64_t length = Volume(layer.Depth(), layer.params.kernel);
  CheckCount("weights", weights, channels * length, "out_channels * kernel * in_channels / groups");
  if (!bias.empty()) CheckCount("bias", bias, channels, "out_channels, or an empty bias");
  CheckAffine("Quantization.input", layer.input);
  CheckAffine("Quantization.output", layer.output);
  CheckActivation(activation);
  CheckInputMaximum(input_maximum, layer.input);
  layer.weights.assign(weights.begin(), weights.end());
  layer.bias.assign(bias.begin(), bias.end());
  layer.weight_scales =
      PerChannel("Quantization.weight_scales", quantization.weight_scales, channels);
  layer.weight_zero_points.assign(static_cast<size_t>(channels), 0);
  if (!quantization.weight_zero_points.empty()) {
    layer.weight_zero_points =
        PerChannel("Quantization.weight_zero_points", quantization.weight_zero_points, channels);
  }
  for (int64_t j = 0; j < channels; ++j) {
    const auto channel = static_cast<size_t>(j);
    CheckFactors(j, quantization, layer.weight_scales[channel],
                 bias.empty() ? nullptr : &bias[channel]);
    layer.accumulator_bounds.push_back(CheckedAccumulator(
        j, layer.WeightsOf(j), layer.weight_zero_points[channel], layer.input.zero_point));
  }
  return layer;
}

Image OutputImage(const Layer& layer, const Image& image) {
  const ConvParams& params = layer.params;
  const int rank = params.kernel.rank();
  CheckRange("Image.batch", image.batch, 0);
  if (image.size.rank() != rank) {
    Refuse("Image.size.rank()", image.size.rank(), "the layer's rank " + Text(rank));
  }
  for (int i = 0; i < rank; ++i) CheckRange(Indexed("Image.size", i), image.size[i], 1);
  const int64_t images = std::max<int64_t>(image.batch, 1);
  CheckElements("Image.batch * size * in_channels", "bytes", images, image.size,
                params.in_channels);
  Image output{.batch = image.batch, .size = Spatial::Filled(rank, 0)};
  for (int i = 0; i < rank; ++i) {
    const int64_t padded = image.size[i] + params.padding[i] + params.padding_end[i];
    const int64_t extent = params.dilation[i] * (params.kernel[i] - 1) + 1;
    if (padded < extent) {
      Refuse(Indexed("Image.size", i), image.size[i],
             "at least " + Text(extent - params.padding[i] - params.padding_end[i]) +
                 " (the dilated kernel less the padding)");
    }
    output.size[i] = (padded - extent) / params.stride[i] + 1;
  }
  CheckElements("Image.batch * output size * out_channels", "bytes", images, output.size,
                params.out_channels);
  return output;
}

std::vector<const uint8_t*> TapsOf(const Layer& layer, const Image& image,
                                   std::span<const uint8_t> input, int64_t batch,
                                   const Spatial& position) {
  const ConvParams& params = layer.params;
  const Image result = OutputImage(layer, image);
  CheckInput(input, image, params.in_channels);
  CheckIndex("batch", batch, image.batch);
  if (position.rank() != result.size.rank()) {
    Refuse("position.rank()", position.rank(), "the layer's rank " + Text(result.size.rank()));
  }
  for (int i = 0; i < result.size.rank(); ++i) {
    CheckIndex(Indexed("position", i), position[i], result.size[i]);
  }
  const Extent3 size = ThreeDimensions(image.size, 1);
  const Extent3 kernel = ThreeDimensions(params.kernel, 1);
  const Extent3 stride = ThreeDimensions(params.stride, 1);
  const Extent3 dilation = ThreeDimensions(params.dilation, 1);
  const Extent3 padding = ThreeDimensions(params.padding, 0);
  const Extent3 out = ThreeDimensions(position, 0);
  std::vector<const uint8_t*> taps;
  taps.reserve(static_cast<size_t>(kernel[0] * kernel[1] * kernel[2]));
  for (int64_t kd = 0; kd < kernel[0]; ++kd) {
    for (int64_t kh = 0; kh < kernel[1]; ++kh) {
      for (int64_t kw = 0; kw < kernel[2]; ++kw) {
        const int64_t d = out[0] * stride[0] - padding[0] + kd * dilation[0];
        const int64_t h = out[1] * stride[1] - padding[1] + kh * dilation[1];
        const int64_t w = out[2] * stride[2] - padding[2] + kw * dilation[2];
        if (d < 0 || d >= size[0] || h < 0 || h >= size[1] || w < 0 || w >= size[2]) {
          taps.push_back(nullptr);
        } else {
          const int64_t pixel = ((batch * size[0] + d) * size[1] + h) * size[2] + w;
          const int64_t first = pixel * params.in_channels;
          CheckInputBytes(input, static_cast<size_t>(first),
                          static_cast<size_t>(params.in_channels), image, params.in_channels,
                          layer.input_maximum);
          taps.push_back(input.data() + first);
        }
      }
    }
  }
  return taps;
}

void Requantize(const Layer& layer, std::span<const int32_t> sums, std::span<uint8_t> output) {
  const DefaultFloats default_floats;
  const Affine& to = layer.output;
  const int32_t lower = Saturate(layer.activation.lower / to.scale, to.zero_point);
  const int32_t upper = Saturate(layer.activation.upper / to.scale, to.zero_point);
  for (size_t j = 0; j < sums.size(); ++j) {
    const float product = layer.input.scale * layer.weight_scales[j];
    const float multiplier = product / to.scale;
    float x = static_cast<float>(sums[j]);
    if (!layer.bias.empty()) {
      const float addend = layer.bias[j] / product;
      x = x + addend;
    }
    const float y = x * multiplier;
    output[j] = static_cast<uint8_t>(std::clamp(Saturate(y, to.zero_point), lower, upper));
  }
}

void ForEachPixel(const Image& output, const PixelTask& task) {
  const int64_t pixels = Volume(output.batch, output.size);
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    Spatial position = output.size;
    int64_t rest = pixel;
    for (int i = output.size.rank() - 1; i >= 0; --i) {
      position[i] = rest % output.size[i];
      rest /= output.size[i];
    }
    task(rest, position);
  }
}

void Run(const Layer& layer, const Image& image, std::span<const uint8_t> input,
         std::span<uint8_t> output, const SumsOfPixel& sums) {
  const Image result = OutputImage(layer, image);
  CheckInput(input, image, layer.params.in_channels);
  CheckCount("output", output, Volume(layer.params.out_channels * result.batch, result.size),
             "batch * output size * out_channels");
  CheckDisjoint(input, output);
  CheckInputBytes(input, 0, input.size(), image, layer.params.in_channels, layer.input_maximum);
  const auto channels = static_cast<size_t>(layer.params.out_channels);
  ForEachPixel(result, [&, rest = output](int64_t batch, const Spatial& position) mutable {
    Requantize(layer, sums(batch, position), rest.first(channels));
    rest = rest.subspan(channels);
  });
}

void WritePixel(const Layer& layer, std::span<const int32_t> sums, std::span<const uint8_t> input,
                std::span<uint8_t> output) {
  CheckCount("output", output, layer.params.out_channels, "out_channels");
  CheckDisjoint(input, output);
  Requantize(layer, sums, output);
}

}  // namespace qconv::reference
