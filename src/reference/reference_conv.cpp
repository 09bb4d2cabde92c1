// ReferenceConv: the definition of a layer (qconv/conv.h) in plain loops.
//
// Layer: reference; knows only the public headers: a mistake in the packed layer must not be
// repeated here. Read next: checks.h for what is refused.
#include <algorithm>
#include <array>
#include <cfenv>
#include <cmath>
#include <cstddef>

#include "qconv/reference.h"
#include "reference/checks.h"

namespace qconv {
namespace {

// Round to nearest even and no flushing of denormals for as long as it lives, whatever the caller
// has set: the bytes of a layer do not depend on it.
class DefaultFloats {
 public:
  DefaultFloats() {
    std::feholdexcept(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloats() { std::fesetenv(&saved_); }
  DefaultFloats(const DefaultFloats&) = delete;
  DefaultFloats& operator=(const DefaultFloats&) = delete;

 private:
  std::fenv_t saved_;
};

using Extent3 = std::array<int64_t, 3>;

// A Spatial of any rank as three dimensions; the missing outer ones are `fill`.
Extent3 ThreeDimensions(const Spatial& spatial, int64_t fill) {
  Extent3 extent = {fill, fill, fill};
  std::copy(spatial.begin(), spatial.begin() + spatial.rank(), extent.end() - spatial.rank());
  return extent;
}

// The input pixel under each tap of one output pixel, in the order of the kernel; null where the
// tap lies in the padding.
std::vector<const uint8_t*> TapsOf(const ConvParams& params, const Image& image,
                                   const uint8_t* input, int64_t batch, const Spatial& position) {
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
          taps.push_back(input + pixel * params.in_channels);
        }
      }
    }
  }
  return taps;
}

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

// RNE(value) + zero_point, saturated to 0..255. The inner clamp changes no result, as zero points
// are 0..255; it keeps infinities and values beyond int32 away from the conversion.
int32_t Saturate(float value, int32_t zero_point) {
  const float rounded = std::nearbyint(std::clamp(value, -1000.0f, 1000.0f));
  return std::clamp(static_cast<int32_t>(rounded) + zero_point, 0, 255);
}

// The last steps of the definition, one float32 operation after the other. `bias` is null without
// bias.
uint8_t Requantize(int32_t raw, float input_scale, float weight_scale, const float* bias,
                   const Affine& output, const Activation& activation) {
  const float product = input_scale * weight_scale;
  const float multiplier = product / output.scale;
  float x = static_cast<float>(raw);
  if (bias != nullptr) {
    const float addend = *bias / product;
    x = x + addend;
  }
  const float y = x * multiplier;
  const int32_t lower = Saturate(activation.lower / output.scale, output.zero_point);
  const int32_t upper = Saturate(activation.upper / output.scale, output.zero_point);
  return static_cast<uint8_t>(std::clamp(Saturate(y, output.zero_point), lower, upper));
}

}  // namespace

ReferenceConv::ReferenceConv(const ConvParams& params, const Quantization& quantization,
                             std::span<const int8_t> weights, std::span<const float> bias,
                             Activation activation, int32_t input_maximum)
    : params_(reference::Completed(params)),
      input_(quantization.input),
      output_(quantization.output),
      activation_(activation),
      input_maximum_(input_maximum) {
  const DefaultFloats default_floats;
  const int64_t channels = params_.out_channels;
  const int64_t length = reference::Volume(params_.in_channels / params_.groups, params_.kernel);
  reference::CheckCount("weights.size()", weights.size(),
                        reference::SaturatingProduct(channels, length));
  if (!bias.empty()) reference::CheckCount("bias.size()", bias.size(), channels);
  reference::CheckAffine("Quantization.input", input_);
  reference::CheckAffine("Quantization.output", output_);
  reference::CheckActivation(activation_);
  reference::CheckInputMaximum(input_maximum_, input_);
  weights_.assign(weights.begin(), weights.end());
  bias_.assign(bias.begin(), bias.end());
  weight_scales_ =
      reference::PerChannel("Quantization.weight_scales", quantization.weight_scales, channels);
  weight_zero_points_.assign(static_cast<size_t>(channels), 0);
  if (!quantization.weight_zero_points.empty()) {
    weight_zero_points_ = reference::PerChannel("Quantization.weight_zero_points",
                                                quantization.weight_zero_points, channels);
  }
  for (int64_t j = 0; j < channels; ++j) {
    const auto channel = static_cast<size_t>(j);
    reference::CheckFactors(j, quantization, weight_scales_[channel],
                            bias_.empty() ? nullptr : &bias_[channel]);
    const auto size = static_cast<size_t>(length);
    reference::CheckAccumulator(j, weights.subspan(channel * size, size),
                                weight_zero_points_[channel], input_.zero_point);
  }
}

Image ReferenceConv::OutputImage(const Image& image) const {
  const int rank = params_.kernel.rank();
  if (image.batch < 0 || image.batch > int64_t{1} << 31) {
    reference::Refuse("Image.batch", image.batch, "0..2147483648");
  }
  reference::CheckSpatial("Image.size", image.size, rank, 1);
  Image output{.batch = image.batch, .size = Spatial::Filled(rank, 0)};
  for (int i = 0; i < rank; ++i) {
    const int64_t padded = image.size[i] + params_.padding[i] + params_.padding_end[i];
    const int64_t extent = params_.dilation[i] * (params_.kernel[i] - 1) + 1;
    if (padded < extent) {
      reference::Refuse(
          reference::Indexed("Image.size", i), image.size[i],
          "at least the kernel's extent of " + reference::Text(extent) + ", padding counted");
    }
    output.size[i] = (padded - extent) / params_.stride[i] + 1;
  }
  return output;
}

void ReferenceConv::Run(const Image& image, std::span<const uint8_t> input,
                        std::span<uint8_t> output) const {
  const Image result = OutputImage(image);
  const int64_t channels = params_.out_channels;
  const int64_t pixels = reference::Volume(result.batch, result.size);
  reference::CheckInput(input, image, params_.in_channels);
  reference::CheckCount("output.size()", output.size(),
                        reference::SaturatingProduct(pixels, channels));
  reference::CheckDisjoint(input, output);
  reference::CheckInputBytes(input, 0, input.size(), image, params_.in_channels, input_maximum_);
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    Spatial position = result.size;
    int64_t rest = pixel;
    for (int i = result.size.rank() - 1; i >= 0; --i) {
      position[i] = rest % result.size[i];
      rest /= result.size[i];
    }
    RunPixel(image, input, rest, position,
             output.subspan(static_cast<size_t>(pixel * channels), static_cast<size_t>(channels)));
  }
}

void ReferenceConv::RunPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                             const Spatial& position, std::span<uint8_t> output) const {
  reference::CheckCount("output.size()", output.size(), params_.out_channels);
  const std::vector<int32_t> sums = Accumulators(image, input, batch, position);
  reference::CheckDisjoint(input, output);
  const DefaultFloats default_floats;
  for (size_t j = 0; j < sums.size(); ++j) {
    output[j] = Requantize(sums[j], input_.scale, weight_scales_[j],
                           bias_.empty() ? nullptr : &bias_[j], output_, activation_);
  }
}

std::vector<int32_t> ReferenceConv::Accumulators(const Image& image, std::span<const uint8_t> input,
                                                 int64_t batch, const Spatial& position) const {
  const Image result = OutputImage(image);
  reference::CheckInput(input, image, params_.in_channels);
  reference::CheckIndex("batch", batch, image.batch);
  reference::CheckCount("position.rank()", position.rank(), result.size.rank());
  for (int i = 0; i < result.size.rank(); ++i) {
    reference::CheckIndex(reference::Indexed("position", i), position[i], result.size[i]);
  }
  const std::vector<const uint8_t*> taps = TapsOf(params_, image, input.data(), batch, position);
  for (const uint8_t* tap : taps) {
    if (tap == nullptr) continue;
    reference::CheckInputBytes(input, static_cast<size_t>(tap - input.data()),
                               static_cast<size_t>(params_.in_channels), image, params_.in_channels,
                               input_maximum_);
  }
  const int64_t depth = params_.in_channels / params_.groups;
  const int64_t channels_per_group = params_.out_channels / params_.groups;
  const int64_t length = depth * static_cast<int64_t>(taps.size());
  std::vector<int32_t> sums;
  sums.reserve(static_cast<size_t>(params_.out_channels));
  for (int64_t j = 0; j < params_.out_channels; ++j) {
    const int64_t first_channel = j / channels_per_group * depth;
    sums.push_back(Dot(taps, first_channel, depth, weights_.data() + j * length, input_.zero_point,
                       weight_zero_points_[static_cast<size_t>(j)]));
  }
  return sums;
}

}  // namespace qconv
