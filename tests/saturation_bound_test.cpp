// The bounds of AnalyzeSaturation: inputs made to reach the worst cases do, no other input exceeds
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "common/case.h"
#include "common/rng.h"
#include "testing.h"

namespace qconv {
namespace {

using test::Analyze;

// A layer of one window, whose only output pixel sees every input once.
cases::Case OneWindow(uint64_t seed) {
  cases::Rng rng(seed);
  const int64_t groups = rng.Int(1, 3);
  cases::Case window = test::OnePixel({}, {});
  const Spatial kernel = {rng.Int(1, 3), rng.Int(1, 5)};
  window.layer = test::MakeLayer({.in_channels = groups * rng.Int(1, 7),
                                  .out_channels = groups * rng.Int(1, 3),
                                  .groups = groups,
                                  .kernel = kernel},
                                 {.size = kernel});
  for (int64_t i = 0; i < window.layer.WeightCount(); ++i) {
    window.weights.push_back(static_cast<int8_t>(rng.Int(-128, 127)));
  }
  window.input_quantization.zero_point = static_cast<int32_t>(rng.Int(0, 255));
  window.input.resize(static_cast<size_t>(window.layer.InputBytes()));
  return window;
}

// The saturated accumulators of an output pixel less the exact ones.
std::vector<int32_t> Errors(const cases::Case& layer_case, const Spatial& position) {
  const Image& image = layer_case.layer.image;
  std::vector<int32_t> errors =
      layer_case.Saturating().Accumulators(image, layer_case.input, 0, position);
  const std::vector<int32_t> exact =
      layer_case.Reference().Accumulators(image, layer_case.input, 0, position);
  for (size_t j = 0; j < errors.size(); ++j) errors[j] -= exact[j];
  return errors;
}

// Inputs of 0 and the maximum, chosen by the signs of a channel's weights, bring about exactly the
// errors of the report; and those of one pair at a time, the others 0, its worst excess.
TEST(SaturationBoundTest, WorstCasesAreReached) {
  int saturating = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    cases::Case window = OneWindow(seed);
    SCOPED_TRACE(test::Text(window));
    const int32_t maximum = seed % 3 == 0 ? 200 : 255;
    const SaturationReport report = Analyze(window, maximum);
    const auto& params = window.layer.params;
    const int64_t depth = params.in_channels / params.groups;
    const int64_t length = window.layer.WeightCount() / params.out_channels;
    auto next = report.channels.begin();
    for (int64_t j = 0; j < params.out_channels; ++j) {
      const int64_t first = j / (params.out_channels / params.groups) * depth;
      // The error with the maximum under weights [begin, end) of this sign.
      const auto error = [&](int sign, int64_t begin, int64_t end) {
        std::fill(window.input.begin(), window.input.end(), uint8_t{0});
        for (int64_t k = begin; k < std::min(end, length); ++k) {
          if (window.weights[static_cast<size_t>(j * length + k)] * sign <= 0) continue;
          window.input[static_cast<size_t>(k / depth * params.in_channels + first + k % depth)] =
              static_cast<uint8_t>(maximum);
        }
        return Errors(window, {0, 0})[static_cast<size_t>(j)];
      };
      SaturatingChannel want = {.channel = j};
      want.lowest_error = error(1, 0, length);
      want.highest_error = error(-1, 0, length);
      for (int64_t k = 0; k < length; k += 2) {
        const int32_t above = -error(1, k, k + 2), below = error(-1, k, k + 2);
        want.pairs += above != 0 || below != 0;
        want.worst_above = std::max(want.worst_above, above);
        want.worst_below = std::max(want.worst_below, below);
      }
      if (want.pairs == 0) continue;
      ++saturating;
      ASSERT_NE(next, report.channels.end());
      want.levels = next->levels;  // of bytes, not of sums
      EXPECT_EQ(*next++, want);
    }
    EXPECT_EQ(next, report.channels.end());
  }
  EXPECT_GT(saturating, 100);
}

// No input takes a sum or a byte further than the report says, whatever the layer.
TEST(SaturationBoundTest, NothingExceedsTheBounds) {
  int64_t tight = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    cases::Case random = cases::RandomCase(seed);
    random.input_maximum = 255;
    cases::Rng rng(seed);
    for (uint8_t& input : random.input) {  // half of them at the ends
      if (rng.Int(0, 1) == 0) input = rng.Int(0, 1) == 0 ? 0 : 255;
    }
    SCOPED_TRACE(test::Text(random));
    const SaturationReport report = Analyze(random);
    const auto channels = static_cast<size_t>(random.layer.params.out_channels);
    std::vector<SaturatingChannel> bounds(channels);
    for (const SaturatingChannel& channel : report.channels) {
      bounds[static_cast<size_t>(channel.channel)] = channel;
    }
    const std::vector<uint8_t> exact = test::RunReference(random);
    std::vector<uint8_t> kept(exact.size());
    random.Saturating().Run(random.layer.image, random.input, kept);
    for (size_t i = 0; i < exact.size(); ++i) {
      const int difference = std::abs(exact[i] - kept[i]);
      ASSERT_LE(difference, bounds[i % channels].levels) << i;
      tight += difference > 0 && difference == bounds[i % channels].levels;
    }
    if (exact.empty()) continue;
    for (const int64_t last : {0, 1}) {
      Spatial position = random.layer.OutputImage().size;
      for (int i = 0; i < position.rank(); ++i) position[i] = last * (position[i] - 1);
      const std::vector<int32_t> errors = Errors(random, position);
      for (size_t j = 0; j < channels; ++j) {
        EXPECT_GE(errors[j], bounds[j].lowest_error);
        EXPECT_LE(errors[j], bounds[j].highest_error);
      }
    }
  }
  EXPECT_GT(tight, 0);
}

// The sums under large depthwise kernels, of the channels that have a weight zero point.
TEST(SaturationBoundTest, RowSums) {
  cases::Case layer = test::Depthwise({3, 7, 7}, 1, std::vector<int32_t>(16, 0), 255);
  EXPECT_TRUE(Analyze(layer).channels.empty());
  layer.weight_zero_points[3] = 2;
  layer.weight_zero_points[9] = -100;
  const SaturationReport report = Analyze(layer);
  const int64_t excess = 147 * 255 - 32767;
  EXPECT_EQ(report.row_sum_excess, excess);
  ASSERT_EQ(report.channels.size(), 2u);
  EXPECT_EQ(report.channels[0],
            (SaturatingChannel{.channel = 3, .highest_error = 2 * excess, .levels = 255}));
  EXPECT_EQ(report.channels[1],
            (SaturatingChannel{.channel = 9, .lowest_error = -100 * excess, .levels = 255}));
  const std::vector<int32_t> errors = Errors(layer, layer.layer.params.padding);
  EXPECT_EQ(errors[3], 2 * excess);
  EXPECT_EQ(errors[9], -100 * excess);
  EXPECT_FALSE(report.cured_by_small_weights);
  EXPECT_TRUE(report.cured_by_reduced_range);  // 147 * 127 is an int16
  EXPECT_FALSE(Analyze(test::Depthwise({7, 7, 7}, 1, {1}, 255)).cured_by_reduced_range);
  EXPECT_TRUE(Analyze(test::Depthwise({5, 5, 5}, 1, {1}, 255)).channels.empty());
}

}  // namespace
}  // namespace qconv
