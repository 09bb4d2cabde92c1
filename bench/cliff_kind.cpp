#include "cliff_kind.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace qconv::bench {
namespace {

// "3x5"
std::string Text(const Spatial& spatial) {
  return fmt::format("{}", fmt::join(spatial.begin(), spatial.end(), "x"));
}

// Positions that the kernel reaches over, its holes counted.
Spatial Extent(const ConvParams& params) {
  Spatial extent = params.kernel;
  for (int i = 0; i < extent.rank(); ++i) {
    const int64_t dilation = params.dilation.empty() ? 1 : params.dilation[i];
    extent[i] = dilation * (params.kernel[i] - 1) + 1;
  }
  return extent;
}

// Multiply-accumulates of one output pixel.
int64_t MacsOfPixel(const ConvParams& params) {
  int64_t macs = params.out_channels * (params.in_channels / params.groups);
  for (const int64_t size : params.kernel) macs *= size;
  return macs;
}

// Side of an output image of equal sides and about so many multiply-accumulates.
int64_t FitSide(const ConvParams& params, double macs) {
  const double pixels = macs / static_cast<double>(MacsOfPixel(params));
  return std::max<int64_t>(1, std::llround(std::pow(pixels, 1.0 / params.kernel.rank())));
}

ConvParams PadSame(ConvParams params) {
  params.padding = params.padding_end = Extent(params);
  for (int i = 0; i < params.kernel.rank(); ++i) {
    const int64_t all = params.padding[i] - 1;
    params.padding[i] = all / 2;
    params.padding_end[i] = all - all / 2;
  }
  return params;
}

// As PadSame, but without padding in the dimensions where it would be much of the image.
ConvParams PadWherePlausible(const ConvParams& params, int64_t side) {
  ConvParams padded = PadSame(params);
  const Spatial extent = Extent(params);
  for (int i = 0; i < extent.rank(); ++i) {
    if (side < 2 * extent[i]) padded.padding[i] = padded.padding_end[i] = 0;
  }
  return padded;
}

// The image that gives this output.
Image ImageFor(const ConvParams& params, int64_t side) {
  const Spatial extent = Extent(params);
  Image image{.size = Spatial::Filled(extent.rank(), 1)};
  for (int i = 0; i < extent.rank(); ++i) {
    const int64_t stride = params.stride.empty() ? 1 : params.stride[i];
    const int64_t padded = (side - 1) * stride + extent[i];
    image.size[i] = std::max<int64_t>(1, padded - params.padding[i] - params.padding_end[i]);
  }
  return image;
}

// `value` in the first or the last dimension, one in the others.
Spatial OnlyFirst(int rank, int64_t value) {
  Spatial spatial = Spatial::Filled(rank, 1);
  spatial[0] = value;
  return spatial;
}

Spatial OnlyLast(int rank, int64_t value) {
  Spatial spatial = Spatial::Filled(rank, 1);
  spatial[rank - 1] = value;
  return spatial;
}

}  // namespace

ConvParams Grouped(int64_t count, int64_t in, int64_t out, const Spatial& kernel) {
  return {
      .in_channels = count * in, .out_channels = count * out, .groups = count, .kernel = kernel};
}

CliffKind::CliffKind(std::string name, double macs, ConvParams base,
                     std::vector<cases::Layer>& layers)
    : name_(std::move(name)), macs_(macs), base_(base), layers_(layers) {
  Add("base", base_);
}

void CliffKind::Add(const std::string& variation, const ConvParams& params) {
  const int64_t side = FitSide(params, macs_);
  const ConvParams padded = params.padding.empty() ? PadWherePlausible(params, side) : params;
  Append(variation, padded, ImageFor(padded, side));
}

void CliffKind::Append(const std::string& variation, const ConvParams& params, const Image& image) {
  cases::Layer layer{.net = name_, .name = variation, .params = params, .image = image};
  const std::string shape = layer.Shape();
  const bool known = std::any_of(layers_.begin(), layers_.end(), [&](const cases::Layer& other) {
    return other.net == name_ && other.Shape() == shape;
  });
  if (!known) layers_.push_back(std::move(layer));
}

void CliffKind::Kernels(std::initializer_list<Spatial> kernels) {
  for (const Spatial& kernel : kernels) {
    ConvParams params = base_;
    params.kernel = kernel;
    Add("kernel-" + Text(kernel), params);
  }
}

void CliffKind::Inputs(std::initializer_list<int64_t> channels) {
  for (const int64_t in : channels) {
    Add(fmt::format("in-{}", in), Dense(in, base_.out_channels, base_.kernel));
  }
}

void CliffKind::Outputs(std::initializer_list<int64_t> channels) {
  for (const int64_t out : channels) {
    Add(fmt::format("out-{}", out), Dense(base_.in_channels, out, base_.kernel));
  }
}

void CliffKind::Groups(std::initializer_list<int64_t> counts) {
  const int64_t in = base_.in_channels / base_.groups;
  const int64_t out = base_.out_channels / base_.groups;
  for (const int64_t count : counts) {
    Add(fmt::format("groups-{}", count), Grouped(count, in, out, base_.kernel));
  }
}

void CliffKind::Steps() {
  struct Step {
    Spatial stride;
    Spatial dilation;
  };
  const int rank = base_.kernel.rank();
  const auto all = [rank](int64_t value) { return Spatial::Filled(rank, value); };
  for (const Step& step :
       {Step{all(2), all(1)}, Step{all(3), all(1)}, Step{all(1), all(2)}, Step{all(1), all(3)},
        Step{all(2), all(3)}, Step{all(3), all(2)}, Step{OnlyFirst(rank, 2), OnlyLast(rank, 2)},
        Step{OnlyLast(rank, 2), OnlyFirst(rank, 2)}}) {
    ConvParams params = base_;
    params.stride = step.stride;
    params.dilation = step.dilation;
    Add(fmt::format("step-{}-{}", Text(step.stride), Text(step.dilation)), params);
  }
}

void CliffKind::Pads() {
  const int rank = base_.kernel.rank();
  const Spatial none = Spatial::Filled(rank, 0);
  const Spatial extent = Extent(base_);
  Spatial whole = extent;
  for (int i = 0; i < rank; ++i) whole[i] -= 1;
  struct Pad {
    const char* name;
    Spatial before;
    Spatial behind;
  };
  for (const Pad& pad : {Pad{"none", none, none}, Pad{"before", whole, none},
                         Pad{"behind", none, whole}, Pad{"wide", extent, extent}}) {
    ConvParams params = base_;
    params.padding = pad.before;
    params.padding_end = pad.behind;
    Add(fmt::format("pad-{}", pad.name), params);
  }
}

void CliffKind::Images(std::initializer_list<ImageShape> shapes) {
  for (const ImageShape& shape : shapes) {
    const bool grouped = base_.groups > 1;
    const int64_t multiplier = grouped ? base_.out_channels / base_.in_channels : 1;
    ConvParams params = base_;
    params.in_channels = shape.channels;
    params.out_channels = shape.channels * multiplier;
    params.groups = grouped ? shape.channels * base_.groups / base_.in_channels : 1;
    Append("image-" + Text(shape.image), PadSame(params), {.size = shape.image});
  }
}

}  // namespace qconv::bench
