// AnalyzeSaturation: its worst cases against inputs that bring them about, its bounds against
// random ones, what cures, and the report of a packed layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

using test::Analyze;

TEST(SaturationReportTest, ForumLayer) {
  const SaturationReport report = Analyze(test::ForumLayer());
  // Taps (4, 5) and (10, 11): 255 * -164 and 255 * -253.
  const SaturatingChannel channel = {.channel = 0,
                                     .pairs = 2,
                                     .worst_above = 0,
                                     .worst_below = 31747,
                                     .lowest_error = 0,
                                     .highest_error = 31747 + 9052,
                                     .levels = 73};  // 72.5 levels
  EXPECT_EQ(report, (SaturationReport{
                        .channels = {channel}, .pairs = 2, .worst_excess = 31747, .levels = 73}));
  EXPECT_EQ(Analyze(test::ForumLayer(), 200).channels[0].highest_error, 32 + 17832);
  EXPECT_EQ(Analyze(test::ForumLayer(), 199).pairs, 1);  // 199 * -164 is in the range
  EXPECT_EQ(Analyze(test::ForumLayer(), 129), SaturationReport{.input_maximum = 129});
}

// An error of one level can show as none and as two, between ties: -2.5 and -1.5 both round to -2,
// but -1.5 and -0.5 to -2 and 0.
TEST(SaturationReportTest, LevelsBetweenTies) {
  cases::Case pixel = test::OnePixel({192, 192}, {-128, -128});  // -3 * 2^14, kept at -2 * 2^14
  const auto difference = [&](float bias) {
    pixel.bias = {bias};
    return pixel.Saturating().Count(pixel.layer.image, pixel.input).largest_difference;
  };
  pixel.output_quantization = {.scale = 0x1p14f, .zero_point = 128};
  EXPECT_EQ(Analyze(pixel, 192).channels[0].highest_error, 1 << 14);
  EXPECT_EQ(Analyze(pixel, 192).levels, 2);
  EXPECT_EQ(difference(0.5f * 0x1p14f), 0);
  EXPECT_EQ(difference(1.5f * 0x1p14f), 2);
  pixel.output_quantization.scale = 0x1.01p14f;
  EXPECT_EQ(Analyze(pixel, 192).levels, 1);
}

// Both cures work for pairs. A zero point beyond the maximum counts where it is in the padding.
TEST(SaturationReportTest, Cures) {
  cases::Case layer = test::OnePixel({}, {});
  layer.layer =
      test::MakeLayer({.in_channels = 2, .out_channels = 1, .kernel = {1, 2}}, {.size = {1, 2}});
  layer.weights = {-128, -128, 64, 64};
  layer.input_quantization.zero_point = 200;
  EXPECT_FALSE(Analyze(layer).channels.empty());
  EXPECT_TRUE(Analyze(layer).cured_by_reduced_range);
  EXPECT_TRUE(Analyze(layer).cured_by_small_weights);
  EXPECT_TRUE(Analyze(layer, 127).channels.empty());
  layer.layer.params.padding_end = {0, 1};
  EXPECT_EQ(Analyze(layer, 127).channels[0].worst_below, 200 * 256 - 32768);
  EXPECT_EQ(Analyze(layer, 127).input_maximum, 200);
  layer.weights = {-64, -64, 64, 64};
  EXPECT_TRUE(Analyze(layer).channels.empty());
  layer.weights = {-65, -64, 64, 65};
  EXPECT_EQ(Analyze(layer).pairs, 2);  // 255 * 129 is 32895
}

// A sum that saturation could carry out of int32 could be anything.
TEST(SaturationReportTest, SumsThatCouldWrap) {
  cases::Case layer =
      test::Depthwise({7, 7, 7}, 1, {24000}, 255);  // 343 * 255 * 24000 is just below 2^31
  layer.output_quantization.scale = 1e20f;
  EXPECT_EQ(Analyze(layer).levels, 255);
  layer.weight_zero_points = {12000};
  EXPECT_EQ(Analyze(layer).levels, 1);
}

TEST(SaturationReportTest, ErrorsNameFieldAndValue) {
  cases::Case pixel = test::OnePixel({1, 2}, {3, 4});
  test::ExpectInvalid([&] { Analyze(pixel, 256); }, {"input_maximum is 256;", "0..255"});
  test::ExpectInvalid([&] { Analyze(pixel, -1); }, {"input_maximum is -1;", "0..255"});
  pixel.weights.pop_back();
  test::ExpectInvalid([&] { Analyze(pixel); }, {"weights.size() is 1;", "2"});
}

// A packed layer has the report, and so have its copies, when the weights are gone.
TEST(SaturationReportTest, OfAPackedLayer) {
  for (const std::string& isa : test::UsableIsas()) {
    cases::Case layer = cases::RandomCase(7);
    const SaturationReport want = Analyze(layer);
    ASSERT_FALSE(want.channels.empty());
    const Conv copy = layer.Prepack(isa);
    std::fill(layer.weights.begin(), layer.weights.end(), int8_t{0});
    EXPECT_EQ(copy.Saturation(), want);
    EXPECT_EQ(&Conv(copy).Saturation(), &copy.Saturation());
  }
}

}  // namespace
}  // namespace qconv
