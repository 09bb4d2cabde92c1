// Layers whose channels take a single step, some of them, or none; accumulators that are
// exceptions; the longest range of accumulators there is room for. On every usable ISA against the
// reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "layer.h"
#include "layer_ways.h"
#include "testing.h"

namespace qconv {
namespace {

pack::PackedLayer Pack(const cases::Case& c, const std::string& isa) {
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias,
                    {.activation = c.activation, .isa = isa, .input_maximum = c.input_maximum});
}

class FusedLayer : public testing::TestWithParam<std::string> {
 protected:
  bool fuses() const { return dispatch::SelectKernels(GetParam()).fuses; }

  void ExpectReference(const cases::Case& c) const {
    EXPECT_EQ(test::Difference(test::RunReference(c), test::RunOn(c, GetParam())), "");
  }
  // Where nothing takes a single step, everything is stepwise.
  void ExpectEpilogue(const cases::Case& c, const std::string& epilogue) const {
    EXPECT_EQ(c.Prepack(GetParam()).Describe().epilogue, fuses() ? epilogue : "stepwise");
    ExpectReference(c);
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, FusedLayer, testing::ValuesIn(test::UsableIsas()), test::IsaName);

std::vector<cases::Layer> Layers() {
  return {
      test::MakeLayer({.in_channels = 40, .out_channels = 150, .kernel = {1, 1}},
                      {.size = {9, 11}}),
      test::MakeLayer({.in_channels = 6, .out_channels = 72, .kernel = {3, 3}, .padding = {1, 1}},
                      {.size = {12, 13}}),
      test::MakeLayer({.in_channels = 96,
                       .out_channels = 96,
                       .groups = 96,
                       .kernel = {3, 3},
                       .padding = {1, 1}},
                      {.size = {10, 11}}),
      test::MakeLayer({.in_channels = 3, .out_channels = 40, .kernel = {3, 3}, .stride = {2, 2}},
                      {.size = {15, 14}})};
}

// All channels of all layers are fused here, as long as packing is as good as that.
TEST_P(FusedLayer, Fused) {
  for (const cases::Layer& layer : Layers()) {
    SCOPED_TRACE(layer.Shape());
    cases::Case c = cases::MakeCase(layer, cases::Weights::kLaplace, /*seed=*/1);
    ExpectEpilogue(c, "fused");
    c.activation = Relu();
    ExpectEpilogue(c, "fused");
    c.activation = Clamp(-20 * c.output_quantization.scale, 30 * c.output_quantization.scale);
    ExpectEpilogue(c, "fused");
  }
}

// A multiplier that no single step has, for one channel or for all of them.
TEST_P(FusedLayer, MultipliersTooSmall) {
  for (const cases::Layer& layer : Layers()) {
    SCOPED_TRACE(layer.Shape());
    cases::Case c = cases::MakeCase(layer, cases::Weights::kLaplace, /*seed=*/1);
    c.weight_scales[17] *= 0x1p-9f;
    ExpectEpilogue(c, "partly fused");
    for (float& scale : c.weight_scales) scale = c.weight_scales[17];
    ExpectEpilogue(c, "stepwise");
  }
}

// The same of results beyond s16: one channel keeps its panel from floats, not the other panels.
TEST_P(FusedLayer, ResultsTooLarge) {
  for (const cases::Layer& layer : Layers()) {
    SCOPED_TRACE(layer.Shape());
    cases::Case c = cases::MakeCase(layer, cases::Weights::kLaplace, /*seed=*/1);
    c.weight_scales[17] *= 0x1p10f;
    c.bias[17] *= 0x1p10f;
    const pack::PackedLayer packed = Pack(c, GetParam());
    const bool one_panel = packed.panels.size() == 1;
    ExpectEpilogue(c, one_panel ? "stepwise" : "partly fused");
    const auto others =
        std::count_if(packed.panels.begin(), packed.panels.end(),
                      [](const auto& panel) { return !panel.epilogue.in_registers; });
    EXPECT_EQ(others, fuses() ? 1 : 0);
  }
}

TEST_P(FusedLayer, WeightZeroPoints) {
  cases::Case c = cases::MakeCase(Layers()[0], cases::Weights::kLaplace, /*seed=*/1);
  c.weight_zero_points.assign(150, 0);
  ExpectEpilogue(c, "fused");
  c.weight_zero_points[149] = 1;
  ExpectEpilogue(c, "partly fused");
  c.weight_zero_points = {1};
  ExpectEpilogue(c, "stepwise");
}

// Of 127 * s + b there is an input for each accumulator: all that are exceptions of some channel,
// and those beside them.
TEST_P(FusedLayer, Exceptions) {
  constexpr int kSteep = 32, kChannels = 70;
  cases::Case c = cases::MakeCase(
      test::MakeLayer({.in_channels = kSteep + 1, .out_channels = kChannels, .kernel = {1, 1}},
                      {.size = {1, 1}}),
      cases::Weights::kUniform, /*seed=*/1);
  c.input_quantization = {.scale = 1.0f, .zero_point = 0};
  c.output_quantization = {.scale = 1.0f, .zero_point = 128};
  for (size_t i = 0; i < c.weights.size(); ++i) c.weights[i] = i % (kSteep + 1) == 0 ? 1 : 127;
  for (size_t j = 0; j < kChannels; ++j) {
    // Steps all over the range.
    c.weight_scales[j] = 2e-4f + 1e-5f * static_cast<float>(j);
    c.bias[j] = (-500000.3f - 777 * static_cast<float>(j)) * c.weight_scales[j];
  }
  const pack::PackedLayer packed = Pack(c, GetParam());
  std::vector<int64_t> accumulators = {0, 1000, 500000, kSteep * 255 * 127 + 255};
  const int64_t lanes = packed.kernels->lanes;
  for (size_t i = 0; i < packed.exceptions.size(); ++i) {
    if (packed.exceptions[i] == pack::PackedLayer::kNoException) continue;
    const int64_t position = static_cast<int64_t>(i) / (kernels::kMaxExceptions * lanes) * lanes +
                             static_cast<int64_t>(i) % lanes;
    const int64_t exception = packed.exceptions[i] - packed.bases[static_cast<size_t>(position)];
    for (int64_t beside = -2; beside <= 2; ++beside) accumulators.push_back(exception + beside);
  }
  if (fuses()) {
    EXPECT_GT(accumulators.size(), 4 + 5 * 10u);
    EXPECT_EQ(test::WaysOf(packed).count("exceptions"), 1u);
  }
  c.layer.image.size = {1, std::ssize(accumulators)};
  c.input.clear();
  for (const int64_t accumulator : accumulators) {
    ASSERT_GE(accumulator, 0);
    int64_t steep = std::min<int64_t>(accumulator / 127, kSteep * 255);
    c.input.push_back(static_cast<uint8_t>(accumulator - 127 * steep));
    for (int i = 0; i < kSteep; ++i) {
      c.input.push_back(static_cast<uint8_t>(std::min<int64_t>(steep, 255)));
      steep -= c.input.back();
    }
  }
  ExpectReference(c);
}

// Pixels of as many channels as it takes for weights whose magnitudes add up to `sum`; inputs of 0
// and the maximum only.
cases::Case LongRange(int64_t sum, int32_t maximum, int8_t weight, int32_t zero_point) {
  constexpr int kOutputs = 40;
  const int64_t whole = weight < 0 ? -weight : weight, inputs = (sum + whole - 1) / whole;
  cases::Case c = test::OnePixel({}, {});
  c.layer = test::MakeLayer({.in_channels = inputs, .out_channels = kOutputs, .kernel = {1, 1}},
                            {.size = {1, 8}});
  c.input_maximum = maximum;
  c.input_quantization.zero_point = zero_point;
  c.output_quantization = {.scale = 512.0f, .zero_point = 128};
  for (int64_t j = 0; j < kOutputs; ++j) {
    // Of some channels some weights have the other sign, if it has such a number.
    int64_t below = 0;
    for (int64_t i = 0; i < inputs; ++i) {
      const int64_t magnitude = std::min(whole, sum - i * whole);
      const bool other = magnitude < 128 && j % 3 > 0 && i % (j + 1) == 0;
      const int64_t drawn = (weight < 0) != other ? -magnitude : magnitude;
      c.weights.push_back(static_cast<int8_t>(drawn));
      below += drawn < 0 ? -drawn * (maximum - zero_point) : drawn * zero_point;
    }
    // Suits the only base that there is, so that this is a single step.
    c.bias.push_back(static_cast<float>(below % 512));
  }
  for (int pixel = 0; pixel < 8; ++pixel) {
    for (int64_t i = 0; i < inputs; ++i) {
      const bool most = pixel < 2 ? pixel == 0 : i % pixel != 0;
      c.input.push_back(most ? static_cast<uint8_t>(maximum) : 0);
    }
  }
  return c;
}

TEST_P(FusedLayer, LongestRange) {
  const struct {
    int64_t sum;
    int32_t maximum;
    bool fits;
  } examples[] = {{178481, 47, true},      // 2^23 - 1
                  {178482, 47, false},     //
                  {65536, 128, false},     // 2^23
                  {65535, 128, true},      //
                  {257 * 128, 255, true},  //
                  {258 * 128, 255, false}};
  for (const auto& example : examples) {
    for (const int8_t weight : {int8_t{127}, int8_t{-128}}) {
      for (const int32_t zero_point : {0, example.maximum, example.maximum / 3}) {
        const cases::Case c = LongRange(example.sum, example.maximum, weight, zero_point);
        SCOPED_TRACE(testing::Message()
                     << "sum of weights " << example.sum << ", maximum " << example.maximum
                     << ", weight " << +weight << ", zero point " << zero_point);
        ExpectEpilogue(c, example.fits ? "fused" : "stepwise");
        for (const pack::Panel& panel : Pack(c, GetParam()).panels) {
          EXPECT_EQ(panel.epilogue.in_registers, example.fits || !fuses());
        }
      }
    }
  }
}

}  // namespace
}  // namespace qconv
