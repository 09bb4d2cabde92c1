// Every bad argument of Conv::Prepack and ReferenceConv is refused with its field and its value, by
// both in the same words.
#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

using cases::Case;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kHuge = int64_t{1} << 62;

// A valid layer, 4 -> 6 channels in 2 groups, 3x3: 6 * 9 * 2 weights.
Case Valid() {
  Case valid;
  valid.layer = test::MakeLayer({.in_channels = 4,
                                 .out_channels = 6,
                                 .groups = 2,
                                 .kernel = {3, 3},
                                 .stride = {1, 1},
                                 .dilation = {1, 1},
                                 .padding = {1, 1},
                                 .padding_end = {1, 1}},
                                {.size = {5, 5}});
  valid.input_quantization = {.scale = 0.5f, .zero_point = 3};
  valid.output_quantization = {.scale = 2.0f, .zero_point = 4};
  valid.weight_scales.assign(6, 0.25f);
  valid.weight_zero_points.assign(6, 0);
  valid.weights.assign(108, 1);
  valid.bias.assign(6, 1.0f);
  valid.input.assign(100, 9);
  return valid;
}

struct BadArgument {
  const char* name;
  void (*spoil)(Case& layer_case);
  std::vector<std::string> words;  // that the message must contain
};

void PrintTo(const BadArgument& bad, std::ostream* out) { *out << bad.name; }

ConvParams& Params(Case& c) { return c.layer.params; }

const BadArgument kBadShapes[] = {
    {"InChannelsZero", [](Case& c) { Params(c).in_channels = 0; }, {"in_channels", "is 0"}},
    {"InChannels", [](Case& c) { Params(c).in_channels = -7; }, {"in_channels", "-7"}},
    {"InChannelsHuge",
     [](Case& c) { Params(c).in_channels = kHuge; },
     {"in_channels", "4611686018427387904"}},
    {"OutChannelsZero", [](Case& c) { Params(c).out_channels = 0; }, {"out_channels", "is 0"}},
    {"OutChannels", [](Case& c) { Params(c).out_channels = -7; }, {"out_channels", "-7"}},
    {"OutChannelsHuge",
     [](Case& c) { Params(c).out_channels = kHuge; },
     {"out_channels", "4611686018427387904"}},
    {"GroupsZero", [](Case& c) { Params(c).groups = 0; }, {"groups", "is 0"}},
    {"Groups", [](Case& c) { Params(c).groups = -7; }, {"groups", "-7"}},
    {"GroupsOfInput", [](Case& c) { Params(c).groups = 3; }, {"groups", "3", "in_channels", "4"}},
    {"GroupsOfOutput", [](Case& c) { Params(c).groups = 4; }, {"groups", "4", "out_channels", "6"}},
    {"WeightsBeyondMemory",
     [](Case& c) {
       Params(c) = {.in_channels = 1 << 30, .out_channels = 1 << 30, .kernel = {1 << 30, 1 << 30}};
     },
     {"weights"}},
    {"KernelEmpty", [](Case& c) { Params(c).kernel = {}; }, {"kernel", "0"}},
    {"KernelRank", [](Case& c) { Params(c).kernel = {1, 2, 3, 3}; }, {"kernel", "4"}},
    {"KernelZero", [](Case& c) { Params(c).kernel = {3, 0}; }, {"kernel[1]", "is 0"}},
    {"Kernel", [](Case& c) { Params(c).kernel = {-7, 3}; }, {"kernel[0]", "-7"}},
    {"KernelHuge",
     [](Case& c) { Params(c).kernel = {3, kHuge}; },
     {"kernel[1]", "4611686018427387904"}},
    {"StrideRank", [](Case& c) { Params(c).stride = {1, 1, 1}; }, {"stride", "3"}},
    {"StrideZero", [](Case& c) { Params(c).stride = {1, 0}; }, {"stride[1]", "is 0"}},
    {"Stride", [](Case& c) { Params(c).stride = {-7, 1}; }, {"stride[0]", "-7"}},
    {"StrideHuge",
     [](Case& c) { Params(c).stride = {kHuge, 1}; },
     {"stride[0]", "4611686018427387904"}},
    {"DilationRank", [](Case& c) { Params(c).dilation = {1}; }, {"dilation", "1"}},
    {"DilationZero", [](Case& c) { Params(c).dilation = {1, 0}; }, {"dilation[1]", "is 0"}},
    {"Dilation", [](Case& c) { Params(c).dilation = {-7, 1}; }, {"dilation[0]", "-7"}},
    {"DilationHuge",
     [](Case& c) { Params(c).dilation = {kHuge, 1}; },
     {"dilation[0]", "4611686018427387904"}},
    {"PaddingRank", [](Case& c) { Params(c).padding = {1}; }, {"padding", "1"}},
    {"Padding", [](Case& c) { Params(c).padding = {1, -7}; }, {"padding[1]", "-7"}},
    {"PaddingHuge",
     [](Case& c) { Params(c).padding = {1, kHuge}; },
     {"padding[1]", "4611686018427387904"}},
    {"PaddingEndRank", [](Case& c) { Params(c).padding_end = {1, 1, 1}; }, {"padding_end", "3"}},
    {"PaddingEnd", [](Case& c) { Params(c).padding_end = {-7, 1}; }, {"padding_end[0]", "-7"}},
    {"PaddingEndHuge",
     [](Case& c) { Params(c).padding_end = {kHuge, 1}; },
     {"padding_end[0]", "4611686018427387904"}},
};

const BadArgument kBadNumbers[] = {
    {"InputScaleZero", [](Case& c) { c.input_quantization.scale = 0; }, {"input.scale", "is 0"}},
    {"InputScale", [](Case& c) { c.input_quantization.scale = -1.5f; }, {"input.scale", "-1.5"}},
    {"InputScaleNan", [](Case& c) { c.input_quantization.scale = kNan; }, {"input.scale", "nan"}},
    {"InputScaleInf",
     [](Case& c) { c.input_quantization.scale = kInfinity; },
     {"input.scale", "inf"}},
    {"InputZeroPoint",
     [](Case& c) { c.input_quantization.zero_point = -7; },
     {"input.zero_point", "-7"}},
    {"InputZeroPointLarge",
     [](Case& c) { c.input_quantization.zero_point = 256; },
     {"input.zero_point", "256"}},
    {"OutputScaleZero", [](Case& c) { c.output_quantization.scale = 0; }, {"output.scale", "is 0"}},
    {"OutputScale", [](Case& c) { c.output_quantization.scale = -1.5f; }, {"output.scale", "-1.5"}},
    {"OutputScaleNan",
     [](Case& c) { c.output_quantization.scale = kNan; },
     {"output.scale", "nan"}},
    {"OutputScaleInf",
     [](Case& c) { c.output_quantization.scale = -kInfinity; },
     {"output.scale", "-inf"}},
    {"OutputZeroPoint",
     [](Case& c) { c.output_quantization.zero_point = -7; },
     {"output.zero_point", "-7"}},
    {"OutputZeroPointLarge",
     [](Case& c) { c.output_quantization.zero_point = 256; },
     {"output.zero_point", "256"}},
    {"WeightScalesEmpty", [](Case& c) { c.weight_scales.clear(); }, {"weight_scales", "0", "6"}},
    {"WeightScalesCount", [](Case& c) { c.weight_scales.resize(5); }, {"weight_scales", "5", "6"}},
    {"WeightScaleZero", [](Case& c) { c.weight_scales[5] = 0; }, {"weight_scales[5]", "is 0"}},
    {"WeightScale", [](Case& c) { c.weight_scales[3] = -1.5f; }, {"weight_scales[3]", "-1.5"}},
    {"WeightScaleNan", [](Case& c) { c.weight_scales[3] = kNan; }, {"weight_scales[3]", "nan"}},
    {"WeightScaleInf", [](Case& c) { c.weight_scales = {kInfinity}; }, {"weight_scales[0]", "inf"}},
    {"WeightZeroPointsCount",
     [](Case& c) { c.weight_zero_points.resize(4); },
     {"weight_zero_points", "4", "6"}},
    {"WeightZeroPointLow",
     [](Case& c) { c.weight_zero_points[2] = std::numeric_limits<int32_t>::min(); },
     {"channel 2", "int32"}},
    {"WeightZeroPointHigh",
     [](Case& c) { c.weight_zero_points = {std::numeric_limits<int32_t>::max()}; },
     {"channel 0", "int32"}},
    {"WeightsEmpty", [](Case& c) { c.weights.clear(); }, {"weights", "0", "108"}},
    {"WeightsShort", [](Case& c) { c.weights.resize(107); }, {"weights", "107", "108"}},
    {"WeightsLong", [](Case& c) { c.weights.resize(109); }, {"weights", "109", "108"}},
    {"BiasShort", [](Case& c) { c.bias.resize(5); }, {"bias", "5", "6"}},
    {"BiasLong", [](Case& c) { c.bias.resize(7); }, {"bias", "7", "6"}},
    {"BiasNan", [](Case& c) { c.bias[4] = kNan; }, {"bias[4]", "nan"}},
    {"BiasInf", [](Case& c) { c.bias[5] = -kInfinity; }, {"bias[5]", "-inf"}},
    {"ActivationOrder",
     [](Case& c) { c.activation = Clamp(7, -7); },
     {"lower", "7", "upper", "-7"}},
    {"ActivationOrderOfSmallBounds",
     [](Case& c) { c.activation = Clamp(1e-8f, 1e-9f); },
     {"Activation.lower is 1e-08; want at most Activation.upper = 1e-09"}},
    {"ActivationLowerNan", [](Case& c) { c.activation.lower = kNan; }, {"lower", "nan"}},
    {"ActivationUpperNan", [](Case& c) { c.activation.upper = kNan; }, {"upper", "nan"}},
    {"InputMaximum", [](Case& c) { c.input_maximum = -7; }, {"input_maximum", "-7", "0..255"}},
    {"InputMaximumLarge", [](Case& c) { c.input_maximum = 256; }, {"input_maximum", "256"}},
    {"InputZeroPointBeyondTheMaximum",
     [](Case& c) { c.input_maximum = 2; },
     {"input.zero_point is 3", "input_maximum", "2"}},
    // Derived float32 factors that overflow, or underflow to nothing.
    {"ScalesOverflow",
     [](Case& c) {
       c.input_quantization.scale = 1e30f;
       c.weight_scales[1] = 1e30f;
     },
     {"Quantization.input.scale * weight_scales is inf for output channel 1"}},
    {"ScalesUnderflow",
     [](Case& c) {
       c.input_quantization.scale = 1e-30f;
       c.weight_scales[1] = 1e-30f;
     },
     {"input.scale", "weight_scales", "1", "0"}},
    {"MultiplierOverflow",
     [](Case& c) {
       c.weight_scales[1] = 1e30f;
       c.output_quantization.scale = 1e-30f;
     },
     {"weight_scales", "1", "output.scale", "inf"}},
    {"MultiplierUnderflow",
     [](Case& c) {
       c.weight_scales[1] = 1e-30f;
       c.output_quantization.scale = 1e30f;
     },
     {"weight_scales", "1", "output.scale", "0"}},
    {"BiasOverflow",
     [](Case& c) {
       c.weight_scales[1] = 1e-30f;
       c.output_quantization.scale = 1e-30f;
       c.bias[1] = 1e30f;
     },
     {"bias / (Quantization.input.scale * weight_scales) is inf for output channel 1"}},
};

class PrepackErrorTest : public ::testing::TestWithParam<BadArgument> {};

// The maximum is an option of the one and an argument of the other.
std::string AsReference(std::string message) {
  const std::string options = "PrepackOptions.";
  const size_t at = message.find(options + "input_maximum");
  return at == std::string::npos ? message : message.erase(at, options.size());
}

TEST_P(PrepackErrorTest, NamesTheFieldAndItsValue) {
  Case bad = Valid();
  GetParam().spoil(bad);
  const auto& words = GetParam().words;
  const std::string message = test::ExpectInvalid([&] { bad.Prepack(); }, words);
  EXPECT_EQ(test::ExpectInvalid([&] { bad.Reference(); }, words), AsReference(message));
}

const auto kNameOf = [](const ::testing::TestParamInfo<BadArgument>& info) {
  return std::string(info.param.name);
};
INSTANTIATE_TEST_SUITE_P(Shape, PrepackErrorTest, ::testing::ValuesIn(kBadShapes), kNameOf);
INSTANTIATE_TEST_SUITE_P(Numbers, PrepackErrorTest, ::testing::ValuesIn(kBadNumbers), kNameOf);

TEST(PrepackErrorTest, TheLayerItselfIsValid) {
  Case valid = Valid();
  EXPECT_EQ(test::Difference(test::RunReference(valid), valid.Run(valid.Prepack())), "");
  // Whatever may be left out.
  Params(valid) = {.in_channels = 4, .out_channels = 6, .groups = 2, .kernel = {3, 3}};
  valid.weight_scales.resize(1);
  valid.weight_zero_points.clear();
  valid.bias.clear();
  EXPECT_EQ(test::Difference(test::RunReference(valid), valid.Run(valid.Prepack())), "");
}

TEST(PrepackErrorTest, UnknownIsa) {
  const Case valid = Valid();
  test::ExpectInvalid([&] { valid.Prepack("pentium"); },
                      {"PrepackOptions.isa is \"pentium\"", "scalar"});
}

}  // namespace
}  // namespace qconv
