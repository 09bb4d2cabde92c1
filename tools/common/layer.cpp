// What a Layer can tell about itself.
#include "common/layer.h"

#include <algorithm>
#include <string>

namespace qconv::cases {
namespace {

int64_t Volume(const Spatial& spatial) {
  int64_t volume = 1;
  for (const int64_t value : spatial) volume *= value;
  return volume;
}

bool AllEqual(const Spatial& spatial, int64_t value) {
  return std::all_of(spatial.begin(), spatial.end(), [=](int64_t v) { return v == value; });
}

// "3x3"
std::string Product(const Spatial& spatial) {
  std::string text;
  for (const int64_t value : spatial) {
    if (!text.empty()) text += "x";
    text += std::to_string(value);
  }
  return text;
}

// "2" for 2x2, else "2x1".
std::string Short(const Spatial& spatial) {
  return AllEqual(spatial, spatial[0]) ? std::to_string(spatial[0]) : Product(spatial);
}

}  // namespace

int64_t Pixels(const Image& image) { return image.batch * Volume(image.size); }

std::vector<int64_t> PixelPosition(const Image& image, int64_t pixel) {
  std::vector<int64_t> extents = {image.batch};
  extents.insert(extents.end(), image.size.begin(), image.size.end());
  std::vector<int64_t> position(extents.size());
  for (size_t i = extents.size(); i-- > 0; pixel /= extents[i]) position[i] = pixel % extents[i];
  return position;
}

int64_t Layer::Macs() const {
  return Pixels(OutputImage()) * params.out_channels * Volume(params.kernel) *
         (params.in_channels / params.groups);
}

Image Layer::OutputImage() const {
  const Spatial& end = params.padding_end.empty() ? params.padding : params.padding_end;
  Image output = image;
  for (int i = 0; i < params.kernel.rank(); ++i) {
    const int64_t dilation = params.dilation.empty() ? 1 : params.dilation[i];
    const int64_t stride = params.stride.empty() ? 1 : params.stride[i];
    const int64_t padded = image.size[i] + params.padding[i] + end[i];
    const int64_t reach = dilation * (params.kernel[i] - 1) + 1;
    output.size[i] = padded < reach ? 0 : (padded - reach) / stride + 1;
  }
  return output;
}

int64_t Layer::InputBytes() const { return Pixels(image) * params.in_channels; }

int64_t Layer::OutputBytes() const { return Pixels(OutputImage()) * params.out_channels; }

int64_t Layer::WeightCount() const {
  return params.out_channels * Volume(params.kernel) * (params.in_channels / params.groups);
}

std::string Layer::Class() const {
  const bool pointwise = AllEqual(params.kernel, 1);
  if (params.groups > 1 && params.groups == params.in_channels) {
    return params.kernel.rank() == 1 ? "depthwise1d" : "depthwise";
  }
  if (params.groups > 1) return "grouped";
  if (params.in_channels <= 4) return "first";
  if (params.kernel.rank() == 3) return "3d";
  if (!pointwise && !AllEqual(params.dilation, 1)) return "dilated";
  if (!pointwise) return "kxk";
  return AllEqual(image.size, 1) ? "se" : "1x1";
}

std::string Layer::Shape() const {
  std::string text = std::to_string(params.in_channels) + "x" + Product(image.size) + " -> " +
                     std::to_string(params.out_channels) + ", " + Product(params.kernel);
  if (!AllEqual(params.stride, 1)) text += ", stride " + Short(params.stride);
  if (!AllEqual(params.dilation, 1)) text += ", dilation " + Short(params.dilation);
  const Spatial& end = params.padding_end.empty() ? params.padding : params.padding_end;
  if (!AllEqual(params.padding, 0) || !AllEqual(end, 0)) {
    text += ", pad " + Short(params.padding);
    if (end != params.padding) text += "/" + Short(end);
  }
  if (params.groups > 1) text += ", groups " + std::to_string(params.groups);
  if (image.batch != 1) text += ", batch " + std::to_string(image.batch);
  return text;
}

std::string ShapeProblem(const Layer& layer) {
  // Beyond it Macs() and its like could overflow int64.
  constexpr double kMostMacs = 1e17;
  const ConvParams& params = layer.params;
  const std::string groups = std::to_string(params.groups) + " groups do not divide ";
  if (params.in_channels % params.groups != 0) {
    return groups + std::to_string(params.in_channels) + " input channels";
  }
  if (params.out_channels % params.groups != 0) {
    return groups + std::to_string(params.out_channels) + " output channels";
  }
  const Spatial output = layer.OutputImage().size;
  double work = static_cast<double>(std::max<int64_t>(1, layer.image.batch)) *
                static_cast<double>(params.in_channels) * static_cast<double>(params.out_channels);
  for (int i = 0; i < output.rank(); ++i) {
    if (output[i] < 1) {
      return "kernel " + Product(params.kernel) + " does not fit the image " +
             Product(layer.image.size) + " with its padding";
    }
    work *= static_cast<double>(params.kernel[i]) *
            static_cast<double>(std::max(output[i], layer.image.size[i]));
  }
  return work > kMostMacs ? "layer of more than 1e17 multiply-accumulates" : "";
}

}  // namespace qconv::cases
