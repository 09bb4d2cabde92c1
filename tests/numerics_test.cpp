// The arithmetic after the dot product, on layers small enough to know the answer by hand; the
// reference must know it too.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

class NumericsTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Isa, NumericsTest, ::testing::ValuesIn(test::UsableIsas()), test::IsaName);

// A pixel whose accumulator is `raw` >= 0, without any zero point.
cases::Case Accumulating(int64_t raw) {
  std::vector<uint8_t> inputs;
  std::vector<int8_t> weights;
  for (; raw >= 255 * 127; raw -= 255 * 127) {
    inputs.push_back(255);
    weights.push_back(127);
  }
  inputs.insert(inputs.end(), {255, static_cast<uint8_t>(raw % 255)});
  weights.insert(weights.end(), {static_cast<int8_t>(raw / 255), 1});
  return test::OnePixel(inputs, weights);
}

// The 5x5 layer of a question asked in a forum: PyTorch gave 0 on one machine and 7 on another, and
// 40 when the input was 255. Its taps (4, 5) and (10, 11) saturate in int16.
TEST_P(NumericsTest, ForumLayer) {
  struct {
    uint8_t input;
    int32_t raw;
    uint8_t above_100;  // the output if its zero point were 100
  } constexpr kAnswers[] = {{200, -13861, 75}, {255, -18426, 67}, {127, -7802, 86}};
  cases::Case forum = test::ForumLayer();
  for (const auto& answer : kAnswers) {
    SCOPED_TRACE(int{answer.input});
    forum.input.assign(25, answer.input);
    EXPECT_EQ(forum.Reference().Accumulators(forum.layer.image, forum.input, 0, {0, 0}),
              std::vector<int32_t>{answer.raw});
    forum.output_quantization.zero_point = 0;
    test::ExpectOutput(GetParam(), forum, {0});
    forum.output_quantization.zero_point = 100;
    test::ExpectOutput(GetParam(), forum, {answer.above_100});
  }
}

// Halves go to the even neighbour, and before the zero point is added: an odd one changes nothing.
TEST_P(NumericsTest, TiesGoToEven) {
  const int rounded[] = {-5, -4, -4, -4, -3, -2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5};
  cases::Case row = test::PixelRow(21, 10);
  for (const int32_t zero_point : {112, 113}) {
    row.output_quantization = {.scale = 2.0f, .zero_point = zero_point};
    std::vector<uint8_t> expected;
    for (const int value : rounded) expected.push_back(static_cast<uint8_t>(value + zero_point));
    test::ExpectOutput(GetParam(), row, expected);
  }
}

// A tie that a library which adds the zero point before it rounds takes to 236.
TEST_P(NumericsTest, TieBeforeAnOddZeroPoint) {
  cases::Case pixel = Accumulating(15808);
  pixel.input_quantization.scale = 0x1p-8f;
  pixel.weight_scales = {0x1p-5f};
  pixel.output_quantization = {.scale = 0x1p-6f, .zero_point = 113};
  test::ExpectOutput(GetParam(), pixel, {237});
}

// Accumulators beyond 2^24 are rounded to float32. Exactly, both of these are a hair above 1/2.
TEST_P(NumericsTest, AccumulatorIsRoundedToFloat) {
  cases::Case by_weights = Accumulating((1 << 24) + 1);
  cases::Case by_zero_point = test::OnePixel({97}, {0});
  by_zero_point.weight_zero_points = {-172961};  // 97 * 172961 = 2^24 + 1
  for (cases::Case* pixel : {&by_weights, &by_zero_point}) {
    pixel->output_quantization = {.scale = 0x1p25f, .zero_point = 10};
    test::ExpectOutput(GetParam(), *pixel, {10});
  }
}

// The bias is divided by the product of the scales. Multiplying by the reciprocal, or adding it
// after the scaling, gives 60, -17 and 41.
TEST_P(NumericsTest, BiasIsDivided) {
  struct {
    float input_scale, weight_scale, output_scale;
    int64_t raw;
    float bias;
    int rounded;
  } constexpr kExamples[] = {
      {0.00299177715f, 0.00122590957f, 0.0140075833f, 4245, 0.831889629f, 61},
      {0.00336315134f, 0.002395886f, 0.0202313103f, 2270, -0.372338951f, -18},
      {0.00729771983f, 0.000555699866f, 0.01409481f, 12515, 0.520087242f, 40}};
  for (const auto& example : kExamples) {
    cases::Case pixel = Accumulating(example.raw);
    pixel.input_quantization.scale = example.input_scale;
    pixel.weight_scales = {example.weight_scale};
    pixel.output_quantization = {.scale = example.output_scale, .zero_point = 100};
    pixel.bias = {example.bias};
    test::ExpectOutput(GetParam(), pixel, {static_cast<uint8_t>(100 + example.rounded)});
  }
}

// Zero points far outside of int8, one per output channel, up to what an accumulator holds.
TEST_P(NumericsTest, LargeWeightZeroPoints) {
  cases::Case pixel = test::OnePixel({255, 0, 37}, {});
  pixel.input_quantization.zero_point = 101;
  pixel.weights.clear();
  pixel.output_quantization = {.scale = 0x1p23f, .zero_point = 128};
  const std::vector<int32_t> zero_points = {0,        1,       -1,      128,      -129,    100000,
                                            -1000000, 1000000, 2800000, -2800000, 4000000, -4000000,
                                            3456789,  -77,     127,     -128,     3999999};
  std::vector<int32_t> accumulators;
  std::vector<uint8_t> expected;
  for (const int32_t zero_point : zero_points) {
    int64_t raw = 0;
    for (const int k : {0, 1, 2}) {
      const auto weight = static_cast<int8_t>(zero_point % 97 + 10 * k);
      pixel.weights.push_back(weight);
      raw += int64_t{pixel.input[k] - 101} * (weight - int64_t{zero_point});
    }
    accumulators.push_back(static_cast<int32_t>(raw));
    const float scaled = static_cast<float>(raw) * 0x1p-23f;
    expected.push_back(static_cast<uint8_t>(128 + std::lrint(scaled)));
  }
  pixel.layer.params.out_channels = static_cast<int64_t>(zero_points.size());
  pixel.weight_zero_points = zero_points;
  EXPECT_EQ(pixel.Reference().Accumulators(pixel.layer.image, pixel.input, 0, {0, 0}),
            accumulators);
  test::ExpectOutput(GetParam(), pixel, expected);
}

// Exact arithmetic stays below 2^31 here, but the float32 steps round up to it.
TEST_P(NumericsTest, ResultThatRoundsUpTo2To31) {
  const int64_t raw = 255 * 65797;  // rounds up to a float
  const float multiplier = 127.992218f;
  ASSERT_LT(static_cast<double>(raw) * multiplier, 2147483520.0);
  ASSERT_GE(static_cast<float>(raw) * multiplier, 2147483648.0f);
  cases::Case layer = Accumulating(raw);
  layer.weight_scales = {multiplier};
  EXPECT_EQ(test::RunReference(layer)[0], 255);
  EXPECT_EQ(layer.Run(test::PrepackFor(layer, GetParam()))[0], 255);
}

}  // namespace
}  // namespace qconv
