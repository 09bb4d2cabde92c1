#include "testing.h"

#include <ostream>
#include <sstream>
#include <utility>

namespace qconv::test {

std::vector<std::string> UsableIsas() {
  std::vector<std::string> names;
  for (const IsaInfo& isa : Isas()) {
    if (isa.usable) names.push_back(isa.name);
  }
  return names;
}

std::string IsaName(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

std::string Difference(std::span<const uint8_t> expected, std::span<const uint8_t> actual) {
  std::ostringstream text;
  if (expected.size() != actual.size()) {
    text << "expected " << expected.size() << " bytes, got " << actual.size();
    return text.str();
  }
  int64_t count = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == actual[i]) continue;
    if (count++ == 0) {
      text << "byte " << i << " is " << int{actual[i]} << ", not " << int{expected[i]};
    }
  }
  if (count > 0) text << "; " << count << " of " << expected.size() << " bytes differ";
  return text.str();
}

std::string Text(const cases::Case& layer_case) {
  return layer_case.layer.name + ": " + layer_case.layer.Shape();
}

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

std::string IsaAndShapeName(const ::testing::TestParamInfo<IsaAndShape>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param).name;
}

cases::Layer MakeLayer(const ConvParams& params, const Image& image) {
  return {.net = "test", .name = "layer", .params = params, .image = image};
}

cases::Case OnePixel(std::vector<uint8_t> inputs, std::vector<int8_t> weights) {
  cases::Case pixel;
  weights.resize(inputs.size());
  pixel.layer = MakeLayer(
      {.in_channels = static_cast<int64_t>(inputs.size()), .out_channels = 1, .kernel = {1, 1}},
      {.size = {1, 1}});
  pixel.weight_scales = {1.0f};
  pixel.weights = std::move(weights);
  pixel.input = std::move(inputs);
  return pixel;
}

cases::Case PixelRow(int pixels, int32_t zero_point) {
  cases::Case row;
  row.layer = MakeLayer({.in_channels = 1, .out_channels = 1, .kernel = {1}}, {.size = {pixels}});
  row.input_quantization.zero_point = zero_point;
  row.weight_scales = {1.0f};
  row.weights = {1};
  for (int a = 0; a < pixels; ++a) row.input.push_back(static_cast<uint8_t>(a));
  return row;
}

cases::Case ForumLayer() {
  cases::Case forum = OnePixel({}, {});
  forum.layer =
      MakeLayer({.in_channels = 1, .out_channels = 1, .kernel = {5, 5}}, {.size = {5, 5}});
  forum.weights = {9,  -32, 17,  3,   -67, -97, -41, 47, 84, -56, -128, -125, 11,
                   63, 54,  -15, -58, -31, 50,  48,  23, -3, 64,  -87,  -91};
  forum.weight_zero_points = {-11};
  forum.weight_scales = {0.00292f};
  forum.bias = {0.0f};
  forum.input_quantization = {.scale = 0.012728f, .zero_point = 33};
  forum.output_quantization = {.scale = 0.02091f, .zero_point = 0};
  return forum;
}

cases::Case Depthwise(const Spatial& kernel, int8_t weight, std::vector<int32_t> zero_points,
                      uint8_t input) {
  cases::Case depthwise = OnePixel({}, {});
  Spatial padding = kernel;
  for (int i = 0; i < kernel.rank(); ++i) padding[i] = kernel[i] / 2;
  depthwise.layer = MakeLayer(
      {.in_channels = 8, .out_channels = 16, .groups = 8, .kernel = kernel, .padding = padding},
      {.size = kernel});
  depthwise.weights.assign(static_cast<size_t>(depthwise.layer.WeightCount()), weight);
  depthwise.weight_zero_points = std::move(zero_points);
  depthwise.input.assign(static_cast<size_t>(depthwise.layer.InputBytes()), input);
  return depthwise;
}

SaturationReport Analyze(const cases::Case& layer_case, int32_t input_maximum) {
  return AnalyzeSaturation(layer_case.layer.params, layer_case.quantization(), layer_case.weights,
                           input_maximum);
}

void SetWeightZeroPoints(cases::Case& layer_case) {
  layer_case.weight_zero_points.clear();
  for (int32_t j = 1; j <= layer_case.layer.params.out_channels; ++j) {
    layer_case.weight_zero_points.push_back(j % 2 == 1 ? j % 128 : -(j % 128));
  }
}

void ScaleSomeChannels(int kind, cases::Case& layer_case) {
  const float factor = kind == 3 || kind == 6                 ? 0x1p-6f
                       : kind == 2 || kind == 9               ? 0x1p10f
                       : kind == 1 || kind == 8 || kind == 12 ? 0x1p30f
                                                              : 1.0f;
  for (size_t j = 0; j < layer_case.weight_scales.size(); j += 3) {
    layer_case.weight_scales[j] *= factor;
  }
}

std::vector<uint8_t> RunReference(const cases::Case& layer_case) {
  const ReferenceConv reference = layer_case.Reference();
  const int64_t pixels = cases::Pixels(reference.OutputImage(layer_case.layer.image));
  std::vector<uint8_t> output(static_cast<size_t>(pixels * layer_case.layer.params.out_channels));
  reference.Run(layer_case.layer.image, layer_case.input, output);
  return output;
}

Conv PrepackFor(const cases::Case& layer_case, const std::string& isa) {
  Conv conv = layer_case.Prepack(isa);
  EXPECT_EQ(conv.Describe().isa, isa);
  return conv;
}

std::vector<uint8_t> RunOn(const cases::Case& layer_case, const std::string& isa) {
  return layer_case.Run(PrepackFor(layer_case, isa), Executor::Serial());
}

void ExpectOutput(const std::string& isa, const cases::Case& layer_case,
                  const std::vector<uint8_t>& expected) {
  EXPECT_EQ(RunReference(layer_case), expected);
  EXPECT_EQ(RunOn(layer_case, isa), expected);
}

}  // namespace qconv::test
