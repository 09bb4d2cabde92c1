// SaturatingConv against FBGEMM held to AVX2, against sums made by hand, and against the reference
// where nothing can saturate.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/case.h"
#include "common/rng.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

std::vector<uint8_t> RunSaturating(const cases::Case& layer_case) {
  std::vector<uint8_t> output(static_cast<size_t>(layer_case.layer.OutputBytes()));
  layer_case.Saturating().Run(layer_case.layer.image, layer_case.input, output);
  return output;
}

SaturationCount Count(const cases::Case& layer_case) {
  return layer_case.Saturating().Count(layer_case.layer.image, layer_case.input);
}

std::vector<int32_t> OnlySums(const cases::Case& layer_case) {
  return layer_case.Saturating().Accumulators(
      layer_case.layer.image, layer_case.input, 0,
      Spatial::Filled(layer_case.layer.image.size.rank(), 0));
}

// Every byte of FBGEMM on AVX2, and how far they are from those on VNNI.
TEST(SaturationGoldenTest, EveryLayer) {
  const std::vector<cases::Case> avx2 = cases::ReadGolden(QCONV_GOLDEN_AVX2_FILE);
  const std::vector<cases::Case> vnni = cases::ReadGolden(QCONV_GOLDEN_FILE);
  ASSERT_EQ(avx2.size(), 60u);
  ASSERT_EQ(vnni.size(), avx2.size());
  int different_layers = 0, depthwise = 0;
  SaturationCount total;
  for (size_t i = 0; i < avx2.size(); ++i) {
    SCOPED_TRACE(test::Text(avx2[i]));
    ASSERT_EQ(avx2[i].input, vnni[i].input);
    ASSERT_EQ(avx2[i].weights, vnni[i].weights);
    EXPECT_EQ(test::Difference(avx2[i].expected, RunSaturating(avx2[i])), "");
    SaturationCount want{.outputs = avx2[i].layer.OutputBytes()};
    for (size_t byte = 0; byte < avx2[i].expected.size(); ++byte) {
      const int difference = std::abs(avx2[i].expected[byte] - vnni[i].expected[byte]);
      want.different += difference != 0;
      want.largest_difference = std::max(want.largest_difference, difference);
    }
    const SaturationCount count = Count(avx2[i]);
    EXPECT_GE(count.saturated, count.different);
    want.saturated = count.saturated;
    EXPECT_EQ(count, want);
    total += count;
    different_layers += count.different > 0;
    depthwise += avx2[i].Saturating().path() == SaturatingPath::kDepthwise;
  }
  EXPECT_EQ(different_layers, 46);
  EXPECT_EQ(total.different, 5504);
  EXPECT_EQ(total.largest_difference, 147);
  EXPECT_GT(depthwise, 0);
}

// The 5x5 layer of a question asked in a forum: PyTorch gave 7 on AVX2 and 0 on VNNI, and 40 when
// the input was 255.
TEST(SaturationTest, ForumLayer) {
  struct {
    uint8_t input;
    int32_t raw;
    uint8_t output;
    int64_t saturated;
  } constexpr kAnswers[] = {{200, 4003, 7, 1}, {255, 22373, 40, 1}, {127, -7802, 0, 0}};
  cases::Case forum = test::ForumLayer();
  for (const auto& answer : kAnswers) {
    SCOPED_TRACE(int{answer.input});
    forum.input.assign(25, answer.input);
    EXPECT_EQ(OnlySums(forum), std::vector<int32_t>{answer.raw});
    EXPECT_EQ(RunSaturating(forum), std::vector<uint8_t>{answer.output});
    EXPECT_EQ(Count(forum), (SaturationCount{.outputs = 1,
                                             .saturated = answer.saturated,
                                             .different = answer.output != 0,
                                             .largest_difference = answer.output}));
  }
}

// Pairs are (0, 1) and (2, 3); the last of an odd number has none. A pair is cut at either end.
TEST(SaturationTest, Pairs) {
  const auto sum = [](std::vector<uint8_t> inputs, std::vector<int8_t> weights) {
    return OnlySums(test::OnePixel(std::move(inputs), std::move(weights)))[0];
  };
  EXPECT_EQ(sum({255, 255}, {127, 127}), 32767);
  EXPECT_EQ(sum({255, 255}, {-128, -128}), -32768);
  EXPECT_EQ(sum({128, 128}, {-128, -128}), -32768);
  EXPECT_EQ(sum({0, 255, 255, 0}, {127, 127, 127, 127}), 2 * 255 * 127);
  EXPECT_EQ(sum({0, 255, 255}, {0, 127, 127}), 2 * 255 * 127);
  EXPECT_EQ(sum({255, 255, 255}, {127, 127, 127}), 32767 + 255 * 127);
  EXPECT_EQ(sum({255, 255}, {127, -128}), -255);
}

// Pairs follow the weights from one tap to the next, where a tap has an odd number of channels, and
// the zero points in the padding are part of them.
TEST(SaturationTest, PairsAcrossTapsAndPadding) {
  cases::Case row = test::OnePixel({}, {});
  row.layer = test::MakeLayer({.in_channels = 3, .out_channels = 1, .kernel = {2}, .padding = {1}},
                              {.size = {1}});
  row.input_quantization.zero_point = 255;
  row.weights = {1, 0, 127, 127, 0, 1};  // the pair in the middle is of both taps
  row.input = {0, 0, 255};
  const SaturatingConv conv = row.Saturating();
  const ReferenceConv exact = row.Reference();
  // Tap 0 in the padding, then tap 1.
  row.input = {255, 255, 255};
  for (const int64_t position : {0, 1}) {
    EXPECT_EQ(exact.Accumulators(row.layer.image, row.input, 0, {position})[0], 0);
    EXPECT_EQ(conv.Accumulators(row.layer.image, row.input, 0, {position})[0],
              32767 - 2 * 255 * 127);
  }
  row.input = {0, 255, 0};
  EXPECT_EQ(conv.Accumulators(row.layer.image, row.input, 0, {0}),
            exact.Accumulators(row.layer.image, row.input, 0, {0}));
  EXPECT_EQ(conv.CountPixel(row.layer.image, row.input, 0, {1}).saturated, 0);
}

std::vector<int32_t> CentralSums(const cases::Case& layer_case) {
  const auto& params = layer_case.layer.params;
  return layer_case.Saturating().Accumulators(layer_case.layer.image, layer_case.input, 0,
                                              params.padding);
}

// The int16 sum under a depthwise kernel matters with weight zero points, from 129 taps on.
TEST(SaturationTest, DepthwiseRowSums) {
  const auto all = [](int32_t sum) { return std::vector<int32_t>(16, sum); };
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 1, {-2}, 255)), all(147 * 255 + 2 * 32767));
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 1, {3}, 255)), all(147 * 255 - 3 * 32767));
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 1, {0}, 255)), all(147 * 255));
  EXPECT_EQ(CentralSums(test::Depthwise({5, 5, 5}, 1, {-2}, 255)), all(3 * 125 * 255));
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 1, {-2}, 222)), all(3 * 147 * 222));
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 1, {-2}, 223)), all(147 * 223 + 2 * 32767));
  EXPECT_EQ(CentralSums(test::Depthwise({3, 7, 7}, 127, {0}, 255)), all(73 * 32767 + 127 * 255));
  // With other padding it is no depthwise layer to FBGEMM.
  cases::Case other = test::Depthwise({3, 7, 7}, 1, {-2}, 255);
  other.layer.params.padding = {1, 3, 2};
  EXPECT_EQ(CentralSums(other), all(3 * 147 * 255));
}

// With inputs of up to 127, as reduced range makes them, the reference's answers.
TEST(SaturationTest, SmallInputsAreExact) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    cases::Case random = cases::RandomCase(seed);
    random.input_quantization.zero_point /= 3;
    for (uint8_t& input : random.input) input /= 2;
    SCOPED_TRACE(test::Text(random));
    EXPECT_EQ(test::Difference(test::RunReference(random), RunSaturating(random)), "");
    EXPECT_EQ(Count(random), SaturationCount{.outputs = random.layer.OutputBytes()});
  }
}

// Random layers saturate, and the count is that of the bytes and sums.
TEST(SaturationTest, CountIsThatOfTheBytes) {
  int64_t different = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const cases::Case random = cases::RandomCase(seed);
    SCOPED_TRACE(test::Text(random));
    const std::vector<uint8_t> exact = test::RunReference(random), kept = RunSaturating(random);
    SaturationCount want{.outputs = random.layer.OutputBytes()};
    for (size_t i = 0; i < exact.size(); ++i) {
      want.different += exact[i] != kept[i];
      want.largest_difference = std::max(want.largest_difference, std::abs(exact[i] - kept[i]));
    }
    const SaturationCount count = Count(random);
    EXPECT_LE(want.different, count.saturated);
    want.saturated = count.saturated;
    EXPECT_EQ(count, want);
    different += count.different;
  }
  EXPECT_GT(different, 0);
}

TEST(SaturationTest, ErrorsNameFieldAndValue) {
  cases::Case pixel = test::OnePixel({1, 2}, {3, 4});
  const SaturatingConv conv = pixel.Saturating();
  std::vector<uint8_t> output(1);
  const Image image = pixel.layer.image;
  test::ExpectInvalid([&] { conv.Run(image, std::span(pixel.input).first(1), output); },
                      {"input.size()", " 1;", "2"});
  test::ExpectInvalid([&] { conv.Run(image, pixel.input, {}); }, {"output.size()", " 0;", "1"});
  test::ExpectInvalid([&] { conv.RunPixel(image, pixel.input, 0, {0, 3}, output); },
                      {"position[1]", " 3;"});
  test::ExpectInvalid([&] { conv.CountPixel(image, pixel.input, 2, {0, 0}); }, {"batch", " 2;"});
  pixel.layer.params.groups = 3;
  test::ExpectInvalid([&] { pixel.Saturating(); }, {"ConvParams.groups", " 3;", "2"});
}

}  // namespace
}  // namespace qconv
