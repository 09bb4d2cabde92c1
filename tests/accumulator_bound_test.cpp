// A layer is accepted up to the last accumulator that int32 holds, and refused from the next on.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();

// One pixel with input zero point 1 whose worst accumulators are 254 * `positive` + `negative` and
// -(`positive` + 254 * `negative`), where those are the sums of the weights' magnitudes. Its input
// is the one that reaches the first (`largest`) or the second.
cases::Case Bounded(int64_t positive, int64_t negative, bool largest) {
  std::vector<int8_t> weights;
  for (; positive > 127; positive -= 127) weights.push_back(127);
  weights.push_back(static_cast<int8_t>(positive));
  for (; negative > 128; negative -= 128) weights.push_back(-128);
  weights.push_back(static_cast<int8_t>(-negative));
  std::vector<uint8_t> inputs;
  for (const int8_t weight : weights) inputs.push_back((weight > 0) == largest ? 255 : 0);
  cases::Case pixel = test::OnePixel(inputs, weights);
  pixel.input_quantization.zero_point = 1;
  pixel.output_quantization = {.scale = 0x1p24f, .zero_point = 128};
  return pixel;
}

class AccumulatorBoundTest : public ::testing::TestWithParam<std::string> {
 protected:
  // The layer reaches the accumulator `raw` on every path, and says so.
  void ExpectReaches(const cases::Case& layer_case, int64_t raw) {
    EXPECT_EQ(
        layer_case.Reference().Accumulators(layer_case.layer.image, layer_case.input, 0, {0, 0})[0],
        raw);
    const Conv conv = test::PrepackFor(layer_case, GetParam());
    EXPECT_EQ(conv.Describe().accumulator_bound, raw < 0 ? -raw : raw);
    // +-2^31 / 2^24, or close below
    EXPECT_EQ(layer_case.Run(conv), std::vector<uint8_t>{raw < 0 ? uint8_t{0} : uint8_t{255}});
    EXPECT_EQ(test::RunReference(layer_case), layer_case.Run(conv));
  }

  void ExpectRefused(const cases::Case& layer_case) {
    std::vector<std::string> words = {"channel 0", "int32"};
    if (!layer_case.weight_zero_points.empty()) {
      words.push_back("weight_zero_points " + std::to_string(layer_case.weight_zero_points[0]));
    }
    test::ExpectInvalid([&] { layer_case.Prepack(GetParam()); }, words);
    test::ExpectInvalid([&] { layer_case.Reference(); }, words);
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, AccumulatorBoundTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

constexpr int64_t kMany = 8454660;  // 254 * kMany = 2^31 - 1 - 7

TEST_P(AccumulatorBoundTest, Largest) {
  static_assert(254 * kMany + 7 == kInt32Max);
  ExpectReaches(Bounded(kMany, 7, /*largest=*/true), kInt32Max);
  ExpectReaches(Bounded(kMany, 6, /*largest=*/true), kInt32Max - 1);
  ExpectRefused(Bounded(kMany, 8, /*largest=*/true));
}

TEST_P(AccumulatorBoundTest, Smallest) {
  ExpectReaches(Bounded(7, kMany, /*largest=*/false), -kInt32Max);
  ExpectReaches(Bounded(6, kMany, /*largest=*/false), -kInt32Max + 1);
  ExpectRefused(Bounded(9, kMany, /*largest=*/false));
}

TEST_P(AccumulatorBoundTest, WeightZeroPoint) {
  cases::Case pixel = test::OnePixel({255}, {0});
  pixel.output_quantization = {.scale = 0x1p24f, .zero_point = 128};
  pixel.weight_zero_points = {-8421504};  // 255 * 8421504 = 2^31 - 1 - 127
  ExpectReaches(pixel, kInt32Max - 127);
  pixel.weights = {1};
  ExpectRefused(pixel);
  pixel.weights = {0};
  pixel.weight_zero_points = {8421504};
  ExpectReaches(pixel, -kInt32Max + 127);
  pixel.weights = {-1};
  ExpectRefused(pixel);
}

// One output channel that could wrap is enough, and is named.
TEST_P(AccumulatorBoundTest, OfEachChannel) {
  cases::Case pixel = test::OnePixel({255}, {0});
  pixel.layer.params.out_channels = 40;
  pixel.weights.assign(40, 0);
  pixel.weight_zero_points.assign(40, 8421504);
  EXPECT_EQ(test::RunReference(pixel), test::RunOn(pixel, GetParam()));
  pixel.weights[37] = -1;
  test::ExpectInvalid([&] { pixel.Prepack(GetParam()); }, {"channel 37, Quant"});
  test::ExpectInvalid([&] { pixel.Reference(); }, {"channel 37, Quant"});
}

}  // namespace
}  // namespace qconv
