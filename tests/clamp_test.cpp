// The end of the arithmetic: activations, and results that no integer holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

class ClampTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Isa, ClampTest, ::testing::ValuesIn(test::UsableIsas()), test::IsaName);

// Bounds are rounded to the output's scale; the multiplier is 1 in all of these.
TEST_P(ClampTest, Activations) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct {
    Activation activation;
    float scale;
    int32_t zero_point;
    int lower, upper;
  } const kExamples[] = {
      {Identity(), 1.0f, 100, 0, 255},
      {Relu(), 1.0f, 100, 100, 255},
      {Relu(), 1.0f, 255, 255, 255},
      {Relu6(), 1.0f, 100, 100, 106},
      {Relu6(), 0.75f, 100, 100, 108},
      {Relu6(), 4.0f, 100, 100, 102},   // 1.5 -> 2
      {Relu6(), 12.0f, 101, 101, 101},  // 0.5 -> 0
      {Relu6(), 0.015625f, 0, 0, 255},  // 384
      {Clamp(-1.0f, 2.5f), 1.0f, 7, 6, 9},
      {Clamp(-3.5f, 3.5f), 1.0f, 51, 47, 55},
      {Clamp(10.0f, 20.0f), 1.0f, 250, 255, 255},
      {Clamp(-20.0f, -10.0f), 1.0f, 5, 0, 0},
      {Clamp(5.0f, 5.0f), 1.0f, 3, 8, 8},
      {Clamp(-3e38f, 3e38f), 0.5f, 9, 0, 255},  // infinite on the quantized scale
      {Clamp(-1e20f, 1e20f), 1.0f, 9, 0, 255},
      {Clamp(0.0f, kInfinity), 1.0f, 30, 30, 255},
      {Clamp(-kInfinity, 1.0f), 1.0f, 30, 0, 31},
      {Clamp(kInfinity, kInfinity), 1.0f, 30, 255, 255},
      {Clamp(-kInfinity, -kInfinity), 1.0f, 30, 0, 0}};
  for (const auto& example : kExamples) {
    SCOPED_TRACE(example.upper);
    cases::Case row = test::PixelRow(256, 128);
    row.activation = example.activation;
    row.input_quantization.scale = example.scale;
    row.output_quantization = {.scale = example.scale, .zero_point = example.zero_point};
    std::vector<uint8_t> expected;
    for (int raw = -128; raw < 128; ++raw) {
      const int result = raw + example.zero_point;
      expected.push_back(static_cast<uint8_t>(
          result < example.lower ? example.lower : std::min(result, example.upper)));
    }
    test::ExpectOutput(GetParam(), row, expected);
  }
}

// Results beyond int32, and beyond float32, saturate. 70 channels: whole vectors and a rest.
TEST_P(ClampTest, HugeResultsSaturate) {
  cases::Case huge = test::OnePixel({255}, {});
  huge.layer.params.out_channels = 70;
  huge.weights.clear();
  std::vector<uint8_t> expected;
  std::vector<uint8_t> expected_relu;
  for (int j = 0; j < 70; ++j) {
    const int sign = j % 3 - 1;
    huge.weights.push_back(static_cast<int8_t>(sign));
    expected.push_back(sign < 0 ? 0 : sign == 0 ? 77 : 255);
    expected_relu.push_back(sign > 0 ? 255 : 77);
  }
  for (const float scale :
       {0x1p-23f, 0x1p-24f, 0x1p-30f, 0x1p-31f, 0x1p-60f, 0x1p-126f, 0x1p-127f}) {
    SCOPED_TRACE(scale);
    huge.output_quantization = {.scale = scale, .zero_point = 77};
    huge.activation = Identity();
    test::ExpectOutput(GetParam(), huge, expected);
    huge.activation = Relu();
    test::ExpectOutput(GetParam(), huge, expected_relu);
  }
}

TEST_P(ClampTest, HugeBiasSaturates) {
  constexpr float kMost = std::numeric_limits<float>::max();
  for (const float bias : {3e9f, 1e20f, kMost}) {
    cases::Case pixel = test::OnePixel({1}, {1});
    pixel.output_quantization.scale = 0.5f;  // the largest one becomes infinite
    pixel.bias = {bias};
    test::ExpectOutput(GetParam(), pixel, {255});
    pixel.bias = {-bias};
    test::ExpectOutput(GetParam(), pixel, {0});
  }
}

}  // namespace
}  // namespace qconv
