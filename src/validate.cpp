#include "validate.h"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "pack/float_text.h"

namespace qconv {
namespace {

using pack::Dims;
using pack::Geometry;

// Large enough for any tensor in memory, small enough that sums and products of a few stay in
// int64.
constexpr int64_t kLargestExtent = int64_t{1} << 31;
constexpr int64_t kLargestTensor = int64_t{1} << 46;

// The name of an argument. A string only when it is needed: checks that pass must not allocate.
struct Field {
  const char* name;
  int64_t index = -1;  // into an array; -1: none
  const char* property = "";

  std::string Text() const {
    return std::string(name) + (index < 0 ? "" : "[" + std::to_string(index) + "]") + property;
  }
};

[[noreturn]] void Fail(const Field& field, const std::string& value, const std::string& want) {
  throw std::invalid_argument("qconv: " + field.Text() + " is " + value + "; want " + want);
}

[[noreturn]] void Fail(const Field& field, std::integral auto value, const std::string& want) {
  Fail(field, std::to_string(value), want);
}

[[noreturn]] void Fail(const Field& field, float value, const std::string& want) {
  Fail(field, pack::FloatText(value), want);
}

void CheckRange(const Field& field, int64_t value, int64_t low) {
  if (value < low || value > kLargestExtent) {
    Fail(field, value, std::to_string(low) + ".." + std::to_string(kLargestExtent));
  }
}

// A Spatial of the layer as three dimensions; `fallback` where none is given.
Dims Normalize(const char* name, const Spatial& spatial, int rank, int64_t low, int64_t fallback) {
  Dims dims = {fallback, fallback, fallback};
  if (spatial.empty()) return dims;
  if (spatial.rank() != rank) {
    Fail({name, -1, ".rank()"}, spatial.rank(),
         "the kernel's rank " + std::to_string(rank) + ", or an empty " + name);
  }
  for (int i = 0; i < rank; ++i) {
    CheckRange({name, i}, spatial[i], low);
    dims[static_cast<size_t>(3 - rank + i)] = spatial[i];
  }
  return dims;
}

// Refuses a tensor of so many elements if they are more than kLargestTensor. `size` is the `rank`
// last of three dimensions, and `before` and `behind` what they are multiplied with, each >= 1.
void CheckElements(const char* name, const char* elements, int64_t before, const Dims& size,
                   int rank, int64_t behind) {
  const int64_t factors[] = {before, size[0], size[1], size[2], behind};
  int64_t product = 1;
  bool overflows = false;
  for (const int64_t factor : factors) {
    overflows |= __builtin_mul_overflow(product, factor, &product);
  }
  if (!overflows && product <= kLargestTensor) return;
  std::string text = std::to_string(before);
  for (int i = 4 - rank; i < 5; ++i) text += " * " + std::to_string(factors[i]);
  if (!overflows) text += " = " + std::to_string(product);
  Fail({name}, text, "at most 2^46 = " + std::to_string(kLargestTensor) + " " + elements);
}

void CheckScale(const Field& field, float scale) {
  if (!std::isfinite(scale) || scale <= 0) Fail(field, scale, "a finite number > 0");
}

void CheckZeroPoint(const Field& field, int32_t zero_point) {
  if (zero_point < 0 || zero_point > 255) Fail(field, zero_point, "0..255");
}

template <typename T>
void CheckMemory(const char* name, std::span<T> values) {
  if (!values.empty() && values.data() == nullptr) {
    Fail({name, -1, ".data()"}, "null", "memory of " + std::to_string(values.size()) + " entries");
  }
}

template <typename T>
void CheckCount(const char* name, std::span<T> values, int64_t want, const char* meaning) {
  if (static_cast<int64_t>(values.size()) != want) {
    Fail({name, -1, ".size()"}, values.size(), std::to_string(want) + " (" + meaning + ")");
  }
  CheckMemory(name, values);
}

template <typename T>
void CheckPerChannel(const char* name, std::span<T> values, const Geometry& geometry) {
  if (values.size() != 1 && static_cast<int64_t>(values.size()) != geometry.out_channels) {
    Fail({name, -1, ".size()"}, values.size(),
         "1 or out_channels = " + std::to_string(geometry.out_channels));
  }
  CheckMemory(name, values);
}

}  // namespace

Geometry ValidateParams(const ConvParams& params) {
  const int rank = params.kernel.rank();
  if (rank < 1 || rank > Spatial::kMaxRank)
    Fail({"ConvParams.kernel", -1, ".rank()"}, rank, "1, 2 or 3");
  CheckRange({"ConvParams.in_channels"}, params.in_channels, 1);
  CheckRange({"ConvParams.out_channels"}, params.out_channels, 1);
  CheckRange({"ConvParams.groups"}, params.groups, 1);
  const auto check_groups = [&](const char* name, int64_t channels) {
    if (channels % params.groups == 0) return;
    Fail({"ConvParams.groups"}, params.groups,
         std::string("a divisor of ") + name + " = " + std::to_string(channels));
  };
  check_groups("in_channels", params.in_channels);
  check_groups("out_channels", params.out_channels);
  Geometry g;
  g.rank = rank;
  g.in_channels = params.in_channels;
  g.out_channels = params.out_channels;
  g.groups = params.groups;
  g.kernel = Normalize("ConvParams.kernel", params.kernel, rank, 1, 1);
  g.stride = Normalize("ConvParams.stride", params.stride, rank, 1, 1);
  g.dilation = Normalize("ConvParams.dilation", params.dilation, rank, 1, 1);
  for (size_t i = 0; i < 3; ++i) {
    if (g.kernel[i] == 1) g.dilation[i] = 1;  // a single tap has none
  }
  g.padding = Normalize("ConvParams.padding", params.padding, rank, 0, 0);
  g.padding_end = params.padding_end.empty()
                      ? g.padding
                      : Normalize("ConvParams.padding_end", params.padding_end, rank, 0, 0);
  CheckElements("ConvParams.out_channels * kernel * in_channels / groups", "weights",
                g.out_channels, g.kernel, rank, g.GroupInputs());
  return g;
}

void ValidateQuantization(const Geometry& geometry, const Quantization& quantization) {
  CheckScale({"Quantization.input.scale"}, quantization.input.scale);
  CheckZeroPoint({"Quantization.input.zero_point"}, quantization.input.zero_point);
  CheckScale({"Quantization.output.scale"}, quantization.output.scale);
  CheckZeroPoint({"Quantization.output.zero_point"}, quantization.output.zero_point);
  const auto& scales = quantization.weight_scales;
  CheckPerChannel("Quantization.weight_scales", scales, geometry);
  for (size_t i = 0; i < scales.size(); ++i) {
    CheckScale({"Quantization.weight_scales", static_cast<int64_t>(i)}, scales[i]);
  }
  const auto& zero_points = quantization.weight_zero_points;
  if (!zero_points.empty()) {
    CheckPerChannel("Quantization.weight_zero_points", zero_points, geometry);
  }
}

void ValidateWeights(const Geometry& geometry, std::span<const int8_t> weights) {
  CheckCount("weights", weights, geometry.out_channels * geometry.DepthOfOutput(),
             "out_channels * kernel * in_channels / groups");
}

void ValidateBias(const Geometry& geometry, std::span<const float> bias) {
  if (bias.empty()) return;
  CheckCount("bias", bias, geometry.out_channels, "out_channels, or an empty bias");
  for (size_t i = 0; i < bias.size(); ++i) {
    if (!std::isfinite(bias[i])) {
      Fail({"bias", static_cast<int64_t>(i)}, bias[i], "a finite number");
    }
  }
}

void ValidateActivation(const Activation& activation) {
  if (std::isnan(activation.lower)) Fail({"Activation.lower"}, activation.lower, "a number");
  if (std::isnan(activation.upper)) Fail({"Activation.upper"}, activation.upper, "a number");
  if (activation.lower > activation.upper) {
    Fail({"Activation.lower"}, activation.lower,
         "at most Activation.upper = " + pack::FloatText(activation.upper));
  }
}

// The input zero point is the value of real 0 and of the padding that kernels read.
void ValidateInputMaximum(int32_t maximum, const Affine& input) {
  if (maximum < 0 || maximum > 255) Fail({"PrepackOptions.input_maximum"}, maximum, "0..255");
  if (input.zero_point > maximum) {
    Fail({"Quantization.input.zero_point"}, input.zero_point,
         "at most PrepackOptions.input_maximum = " + std::to_string(maximum));
  }
}

Dims ValidateImage(const Geometry& geometry, const Image& image) {
  CheckRange({"Image.batch"}, image.batch, 0);
  if (image.size.rank() != geometry.rank) {
    Fail({"Image.size", -1, ".rank()"}, image.size.rank(),
         "the layer's rank " + std::to_string(geometry.rank));
  }
  Dims size = {1, 1, 1};
  for (int i = 0; i < geometry.rank; ++i) {
    CheckRange({"Image.size", i}, image.size[i], 1);
    size[3 - geometry.rank + i] = image.size[i];
  }
  // Those of a batch of 0, too: an image of theirs is addressed.
  const int64_t images = std::max<int64_t>(image.batch, 1);
  CheckElements("Image.batch * size * in_channels", "bytes", images, size, geometry.rank,
                geometry.in_channels);
  CheckElements("Image.batch * output size * out_channels", "bytes", images,
                OutputSize(geometry, size), geometry.rank, geometry.out_channels);
  return size;
}

Dims OutputSize(const Geometry& geometry, const Dims& input) {
  Dims output;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t padding = geometry.padding[i] + geometry.padding_end[i];
    const int64_t least = geometry.InputExtent(i, geometry.kernel[i], 1) - padding;
    if (input[i] < least) {
      Fail({"Image.size", static_cast<int64_t>(i) - (3 - geometry.rank)}, input[i],
           "at least " + std::to_string(least) + " (the dilated kernel less the padding)");
    }
    output[i] = (input[i] - least) / geometry.stride[i] + 1;
  }
  return output;
}

void ValidateTensors(std::span<const uint8_t> input, int64_t input_bytes,
                     std::span<const uint8_t> output, int64_t output_bytes) {
  CheckCount("input", input, input_bytes, "batch * size * in_channels");
  CheckCount("output", output, output_bytes, "batch * output size * out_channels");
  const std::less<const uint8_t*> before;
  if (!input.empty() && !output.empty() && before(input.data(), output.data() + output.size()) &&
      before(output.data(), input.data() + input.size())) {
    const int64_t behind = output.data() - input.data();
    throw std::invalid_argument("qconv: output overlaps input: output.data() is input.data() " +
                                std::string(behind < 0 ? "- " : "+ ") +
                                std::to_string(std::abs(behind)) + "; want separate tensors");
  }
}

}  // namespace qconv
