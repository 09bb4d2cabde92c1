// Longer than 250 lines: the limits of layers, images and arithmetic belong together.
// Which layers and images Winograd kernels are for, and how threads share them; just within the
// limits of the arithmetic they are exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "pack/layout.h"
#include "pack/transformed.h"
#include "pack/weights.h"
#include "pack/winograd.h"
#include "testing.h"
#include "transform_model.h"
#include "transformed.h"
#include "transformed_layers.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::KernelTable;
using pack::PackedLayer;

class WinogradLimits : public testing::TestWithParam<std::string> {
 protected:
  const KernelTable& table() const { return dispatch::SelectKernels(GetParam()); }
  bool HasKernels() const { return GetParam() != "scalar"; }

  bool Allows(const ConvParams& params, const std::vector<int8_t>& weights,
              const std::vector<int32_t>& zero_points) const {
    PackedLayer layer = {};
    layer.geometry = ValidateParams(params);
    layer.kernels = &table();
    layer.input_maximum = 255;
    return pack::HasWinogradShape(layer) && pack::WinogradParts(layer, weights, zero_points) > 0;
  }
  bool AllowsShape(const ConvParams& params) const {
    const auto depth = static_cast<size_t>(ValidateParams(params).DepthOfOutput());
    return Allows(params, std::vector<int8_t>(static_cast<size_t>(params.out_channels) * depth),
                  {});
  }
  bool Prefers(const PackedLayer& layer, const Image& image) const {
    const pack::Dims size = ValidateImage(layer.geometry, image);
    return PrefersTransformed(layer, image.batch, size, OutputSize(layer.geometry, size));
  }
};

TEST_P(WinogradLimits, WhereverThereAreVectors) {
  EXPECT_EQ(table().transforms[kernels::kWinograd] != nullptr, HasKernels());
  const cases::Case c = cases::MakeCase(
      test::MakeLayer({.in_channels = 64, .out_channels = 64, .kernel = {3, 3}}, {.size = {9, 9}}),
      cases::Weights::kUniform, /*seed=*/1);
  EXPECT_EQ(AllowsShape(c.layer.params), HasKernels());
  EXPECT_EQ(test::Pack(c, GetParam()).transformed != nullptr, HasKernels());
}

TEST_P(WinogradLimits, Shapes) {
  if (!HasKernels()) return;
  const int64_t chunk = 2 * table().lanes;
  const auto allows = [&](auto change) {
    ConvParams params = {.in_channels = chunk, .out_channels = chunk, .kernel = {3, 3}};
    change(params);
    return AllowsShape(params);
  };
  EXPECT_TRUE(allows([](ConvParams&) {}));
  EXPECT_TRUE(allows([](ConvParams& p) { p.kernel = {1, 3, 3}; }));
  EXPECT_TRUE(allows([](ConvParams& p) { p.dilation = {2, 5}; }));
  EXPECT_TRUE(allows([](ConvParams& p) { p.padding = {7, 0}, p.padding_end = {0, 3}; }));
  EXPECT_TRUE(allows([&](ConvParams& p) { p.groups = chunk / 2; }));
  EXPECT_FALSE(allows([&](ConvParams& p) { p.groups = chunk; }));
  EXPECT_FALSE(allows([&](ConvParams& p) { p.in_channels = chunk - 1; }));
  for (const Spatial& kernel :
       {Spatial{3}, {1, 3}, {3, 1}, {2, 3}, {5, 5}, {1, 1}, {3, 3, 1}, {3, 1, 3}}) {
    EXPECT_FALSE(allows([&](ConvParams& p) { p.kernel = kernel; }));
  }
  EXPECT_FALSE(allows([](ConvParams& p) { p.stride = {1, 2}; }));
  EXPECT_FALSE(allows([](ConvParams& p) { p.stride = {2, 1}; }));
  EXPECT_FALSE(allows([](ConvParams& p) { p.kernel = {3, 3, 3}, p.stride = {1, 1, 2}; }));
  EXPECT_TRUE(allows([](ConvParams& p) {
    p.kernel = {4, 3, 3}, p.stride = {2, 1, 1}, p.dilation = {3, 1, 1}, p.padding = {1, 0, 0};
  }));
}

// Each of two output channels, each end of the range.
TEST_P(WinogradLimits, TransformedWeightsFitInt16) {
  if (!HasKernels()) return;
  constexpr int32_t kMost = 668;
  static_assert(49 * kMost <= std::numeric_limits<int16_t>::max());
  static_assert(49 * (kMost + 1) > std::numeric_limits<int16_t>::max());
  const ConvParams params = {.in_channels = 32, .out_channels = 2, .groups = 2, .kernel = {3, 3}};
  for (const size_t channel : {0, 1}) {
    for (const int8_t end : {int8_t{-128}, int8_t{127}}) {
      std::vector<int8_t> weights(2 * 9 * 16);
      weights[channel * 9 * 16 + 100] = end;
      const int32_t away = end < 0 ? 1 : -1;
      std::vector<int32_t> zero_points(2);
      zero_points[channel] = end + away * kMost;
      EXPECT_TRUE(Allows(params, weights, zero_points));
      EXPECT_TRUE(Allows(params, weights, {zero_points[channel]}));
      zero_points[channel] += away;
      EXPECT_FALSE(Allows(params, weights, zero_points));
      EXPECT_FALSE(Allows(params, weights, {zero_points[channel]}));
      zero_points[channel] = std::numeric_limits<int32_t>::max();
      EXPECT_FALSE(Allows(params, weights, zero_points));
      zero_points[channel] = std::numeric_limits<int32_t>::min();
      EXPECT_FALSE(Allows(params, weights, zero_points));
    }
  }
}

// A layer whose last channel has weights, less their zero point, of this sum of magnitudes, all of
// one sign; the others less. Outputs show the sign and the upper seven bits of the sum.
cases::Case LargeSums(int64_t sum, int sign, int32_t input_maximum, int32_t input_zero_point,
                      uint8_t input) {
  constexpr int64_t kInputs = 95, kOutputs = 16, kWeights = 9 * kInputs;
  const int64_t each = sum / kWeights;
  const auto zero_point = static_cast<int32_t>(each - 100);
  cases::Case c = test::OnePixel({}, {});
  c.layer = test::MakeLayer(
      {.in_channels = kInputs, .out_channels = kOutputs, .kernel = {3, 3}, .padding = {1, 1}},
      {.size = {12, 12}});
  c.input_maximum = input_maximum;
  c.input_quantization.zero_point = input_zero_point;
  c.output_quantization = {.scale = 1 << 19, .zero_point = 128};
  c.weight_zero_points.assign(kOutputs, -sign * zero_point);
  c.weights.assign(kOutputs * kWeights, static_cast<int8_t>(sign * (each - zero_point)));
  for (int64_t i = 0; i < sum % kWeights; ++i) {
    int8_t& weight = c.weights[static_cast<size_t>((kOutputs - 1) * kWeights + i)];
    weight = static_cast<int8_t>(weight + sign);
  }
  c.input.assign(static_cast<size_t>(c.layer.InputBytes()), input);
  return c;
}

TEST_P(WinogradLimits, SumsOfPartsHave26Bits) {
  constexpr int64_t kMostSum = (1 << 25) - 1;
  for (const int32_t maximum : {255, 127}) {
    const int64_t most = kMostSum / maximum;
    for (const int sign : {1, -1}) {
      for (const int32_t zero_point : {0, maximum, 64}) {
        for (const int32_t input : {0, maximum}) {
          SCOPED_TRACE(testing::Message() << "up to " << maximum << ", sign " << sign
                                          << ", zero point " << zero_point << ", " << input);
          const auto byte = static_cast<uint8_t>(input);
          const cases::Case inside = LargeSums(most, sign, maximum, zero_point, byte);
          const cases::Case outside = LargeSums(most + 1, sign, maximum, zero_point, byte);
          const std::vector<uint8_t> expected = test::RunReference(inside);
          // Up to 2^25 in the first output of a tile in the middle: the test sees a wrong sign.
          const uint8_t middle = expected[static_cast<size_t>((4 * 12 + 4) * 16 + 15)];
          const int64_t sum = sign * most * (input - zero_point);
          EXPECT_EQ(middle, 128 + (sum + (sum > 0 ? 1 << 18 : -(1 << 18))) / (1 << 19));
          EXPECT_EQ(test::Difference(expected, test::RunOn(inside, GetParam())), "");
          EXPECT_EQ(test::Difference(test::RunReference(outside), test::RunOn(outside, GetParam())),
                    "");
          const PackedLayer within = test::Pack(inside, GetParam());
          EXPECT_EQ(within.transformed != nullptr, HasKernels());
          if (!HasKernels()) continue;
          EXPECT_EQ(within.transformed->transform_parts, 1);
          EXPECT_TRUE(Prefers(within, inside.layer.image));
          const PackedLayer beyond = test::Pack(outside, GetParam());
          ASSERT_NE(beyond.transformed, nullptr);
          EXPECT_EQ(beyond.transformed->transform_parts, 2);
          EXPECT_TRUE(Prefers(beyond, outside.layer.image));
        }
      }
    }
  }
}

// Parts are whole chunks, of 16 or 32 channels, and a group is always one part.
TEST_P(WinogradLimits, PartsAreChunks) {
  if (!HasKernels()) return;
  constexpr int64_t kChannels = 32, kWeights = 9 * kChannels;
  constexpr int64_t kMost = ((1 << 25) - 1) / 255;
  constexpr int32_t kEach = kMost / kWeights, kWeight = 100;
  const std::vector<int32_t> zero_points = {kWeight - kEach};
  for (const int64_t groups : {1, 2}) {
    const ConvParams params = {
        .in_channels = 2 * kChannels, .out_channels = 2, .groups = groups, .kernel = {3, 3}};
    const int64_t inputs = params.in_channels / groups;
    // The sum over the last channels of the last output is the most that is allowed, or one more.
    std::vector<int8_t> weights(static_cast<size_t>(2 * 9 * inputs), kWeight);
    int64_t left = kMost - kEach * kWeights;
    for (int64_t i = 9 * inputs; i < 2 * 9 * inputs && left > 0; ++i) {
      if (i % inputs < inputs - kChannels) continue;
      ++weights[static_cast<size_t>(i)];
      --left;
    }
    ASSERT_EQ(left, 0);
    EXPECT_TRUE(Allows(params, weights, zero_points));
    ++weights.back();
    const bool smaller_chunks = 2 * table().lanes < kChannels;
    EXPECT_EQ(Allows(params, weights, zero_points), groups == 1 && smaller_chunks);
  }
}

TEST_P(WinogradLimits, ScratchHoldsSixTiles) {
  if (!HasKernels()) return;
  const auto fits = [&](int64_t channels, const Spatial& kernel) {
    PackedLayer layer = {};
    layer.geometry =
        ValidateParams({.in_channels = channels, .out_channels = 16, .kernel = kernel});
    layer.kernels = &table();
    layer.feed = pack::Feed::kTransformed;
    layer.transform = kernels::kWinograd;
    layer.tap_grid = layer.geometry.kernel;
    layer.groups = pack::MakeChannelGroups(layer.geometry, layer.feed, table().lanes, false);
    return FitsTransformed(layer);
  };
  EXPECT_TRUE(fits(64, {3, 3}));
  EXPECT_TRUE(fits(1024, {3, 3}));
  EXPECT_FALSE(fits(4096, {3, 3}));
  EXPECT_FALSE(fits(100000, {3, 3}));
  EXPECT_TRUE(fits(256, {3, 3, 3}));
  EXPECT_FALSE(fits(1024, {3, 3, 3}));
  // Those that do not fit have no Winograd kernels, those that just do have room.
  int64_t most = 1024;
  while (most < 4096 && fits(most + 1, {3, 3})) ++most;
  for (const int64_t channels : {most, most + 1}) {
    const ConvParams params = {
        .in_channels = channels, .out_channels = 70, .kernel = {3, 3}, .padding = {1, 1}};
    cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = {8, 12}}),
                                    cases::Weights::kUniform, /*seed=*/1);
    for (int8_t& weight : c.weights) weight /= 8;  // sums do fit
    const std::vector<uint8_t> expected = test::RunReference(c);
    EXPECT_EQ(test::Difference(expected, test::RunOn(c, GetParam())), "");
    const PackedLayer layer = test::Pack(c, GetParam());
    EXPECT_EQ(layer.transformed != nullptr, channels == most);
    if (layer.transformed == nullptr) continue;
    const auto [input_size, output_size] = test::SizesOf(c);
    std::vector<uint8_t> output(expected.size());
    RunTransformed(*layer.transformed, c.layer.image.batch, input_size, output_size, c.input.data(),
                   output.data(), Executor::Serial());
    EXPECT_EQ(test::Difference(expected, output), "");
  }
}

TEST_P(WinogradLimits, Images) {
  const ConvParams params = {
      .in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .padding = {1, 1}};
  for (const cases::Weights weights : {cases::Weights::kUniform, cases::Weights::kLaplace}) {
    const cases::Case c =
        cases::MakeCase(test::MakeLayer(params, {.size = {5, 5}}), weights, /*seed=*/1);
    const PackedLayer layer = test::Pack(c, GetParam());
    EXPECT_EQ(Prefers(layer, {.size = {56, 56}}), HasKernels());
    EXPECT_EQ(Prefers(layer, {.batch = 3, .size = {28, 30}}), HasKernels());
    EXPECT_FALSE(Prefers(layer, {.size = {1, 1}}));
    EXPECT_FALSE(Prefers(layer, {.batch = 100, .size = {1, 1}}));
    EXPECT_FALSE(Prefers(layer, {.batch = 0, .size = {56, 56}}));
    EXPECT_FALSE(PrefersTransformed(layer, 1, {1, 56, 56}, {0, 56, 56}));
    EXPECT_FALSE(PrefersTransformed(layer, 1, {1, 56, 56}, {1, 0, 56}));
  }
}

TEST_P(WinogradLimits, SharesOfThreads) {
  if (!HasKernels()) return;
  const auto pack = [&](int64_t channels) {
    cases::Case c = cases::MakeCase(
        test::MakeLayer({.in_channels = channels, .out_channels = channels, .kernel = {3, 3}},
                        {.size = {9, 9}}),
        cases::Weights::kLaplace, /*seed=*/1);
    return test::Pack(c, GetParam());
  };
  for (const int64_t channels : {64, 256}) {
    const PackedLayer layer = pack(channels);
    ASSERT_NE(layer.transformed, nullptr);
    const auto panels = static_cast<int64_t>(layer.transformed->panels.size());
    for (const int64_t tiles : {1, 2, 5, 16, 49, 196, 3000}) {
      const TransformedShares alone = ChooseTransformedShares(*layer.transformed, tiles, 1);
      EXPECT_EQ(alone.splits, 1);
      for (const int threads : {2, 3, 4, 16, 100}) {
        SCOPED_TRACE(testing::Message() << tiles << " tiles, " << threads << " threads");
        const TransformedShares shares =
            ChooseTransformedShares(*layer.transformed, tiles, threads);
        EXPECT_GE(shares.blocks, alone.blocks);
        EXPECT_LE(shares.blocks, tiles);
        EXPECT_GE(shares.splits, 1);
        EXPECT_LE(shares.splits, panels);
        // Nobody is idle while there is work.
        EXPECT_GE(2 * shares.blocks * shares.splits, std::min<int64_t>(threads, panels));
        if (tiles == 3000 && threads <= 16) {
          EXPECT_EQ(shares.splits, 1);
        }
      }
    }
    // Too few tiles to share: the panels are.
    EXPECT_EQ(ChooseTransformedShares(*layer.transformed, 1, 2).splits, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, WinogradLimits, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
