// Layers of few output channels, computed several neighbouring pixels at once.
#include "pack/neighbours.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "guarded_run.h"
#include "layer.h"
#include "plan.h"
#include "run.h"
#include "testing.h"
#include "transform_model.h"
#include "transformed_layers.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::Geometry;
using pack::PackedLayer;

ConvParams Few(int64_t inputs, int64_t outputs, const Spatial& kernel) {
  return {.in_channels = inputs, .out_channels = outputs, .kernel = kernel};
}

// How many pixels of a row of `width` are computed at once, if no transform takes less time.
int64_t AtOnce(const PackedLayer& layer, int64_t width) {
  const pack::Combination combination = pack::BestCombination(layer, width);
  const int64_t outputs = combination.layer->geometry.out_channels;
  EXPECT_EQ(combination.pixels * outputs - combination.idle_outputs,
            width * layer.geometry.out_channels);
  EXPECT_LT(combination.idle_outputs, outputs);
  return outputs / layer.geometry.out_channels;
}

TEST(CombinesNeighbours, IsForFewOutputsOfWideKernels) {
  for (const std::string& isa : test::UsableIsas()) {
    const kernels::KernelTable& table = dispatch::SelectKernels(isa);
    const auto has = [&](const ConvParams& params) {
      return pack::CombinesNeighbours(ValidateParams(params), table);
    };
    ConvParams params = Few(16, table.lanes / 2, {3, 3});
    EXPECT_TRUE(has(params));
    params.out_channels += 1;
    EXPECT_FALSE(has(params)) << "does not fit a vector";
    params.out_channels = 1;
    params.stride = {1, 2};
    EXPECT_TRUE(has(params));
    params.stride = {1, 3};
    EXPECT_FALSE(has(params)) << "pixels share no input";
    params.stride = {3, 1};
    EXPECT_TRUE(has(params));
    params.dilation = {2, 1};
    EXPECT_TRUE(has(params));
    params.dilation = {1, 2};
    EXPECT_FALSE(has(params)) << "a kernel with gaps";
    EXPECT_FALSE(has(Few(16, 1, {3, 1})));
    EXPECT_TRUE(has(Few(16, 1, {1, 3})));
    EXPECT_TRUE(has(Few(16, 1, {3})));
    EXPECT_TRUE(has(Few(1, 1, {2, 2, 2})));
    params = Few(4, 2, {3, 3});
    params.groups = 2;
    EXPECT_FALSE(has(params));
  }
}

TEST(NeighbourNumbers, AreThoseOfTwo) {
  ConvParams params = Few(2, 2, {1, 3});
  params.stride = {1, 2};
  const Geometry g = ValidateParams(params);
  const Geometry two = pack::NeighbourGeometry(g);
  EXPECT_EQ(two.out_channels, 4);
  EXPECT_EQ(two.kernel, (pack::Dims{1, 1, 5}));
  EXPECT_EQ(two.stride, (pack::Dims{1, 1, 4}));
  const std::vector<int8_t> weights = {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6};
  const std::vector<float> scales = {0.5f, 0.25f}, bias = {7.0f, 8.0f};
  const pack::NeighbourNumbers own(g, {.weight_scales = scales}, weights, bias);
  EXPECT_EQ(own.weights, (std::vector<int8_t>{1,  2,  3,  4,  5,  6,  0,  0,  0,  0,  //
                                              -1, -2, -3, -4, -5, -6, 0,  0,  0,  0,  //
                                              0,  0,  0,  0,  1,  2,  3,  4,  5,  6,  //
                                              0,  0,  0,  0,  -1, -2, -3, -4, -5, -6}));
  EXPECT_EQ(own.bias, (std::vector<float>{7.0f, 8.0f, 7.0f, 8.0f}));
  const std::span<const float> own_scales = own.quantization.weight_scales;
  EXPECT_EQ(std::vector<float>(own_scales.begin(), own_scales.end()),
            (std::vector<float>{0.5f, 0.25f, 0.5f, 0.25f}));
  const std::vector<float> one = {0.5f};
  EXPECT_EQ(pack::NeighbourNumbers(g, {.weight_scales = one}, weights, {})
                .quantization.weight_scales.size(),
            1);
}

TEST(Neighbours, AreDoubledAsLongAsTheyFit) {
  for (const std::string& isa : test::UsableIsas()) {
    const int64_t lanes = dispatch::SelectKernels(isa).lanes;
    for (const int64_t outputs : {1, 2, 3, 4, 5, 8}) {
      const cases::Case c = cases::MakeCase(
          test::MakeLayer(Few(8, outputs, {3, 9}), {.size = {9, 24}}), cases::Weights::kUniform, 1);
      const PackedLayer layer = test::Pack(c, isa);
      int64_t most = 1;
      while (2 * most * outputs <= lanes) most *= 2;
      EXPECT_EQ(test::PrepackFor(c, isa).Describe().most_neighbours, most);
      // Of each pixel 9 columns, of two 10, of four 12, ...
      for (int64_t width = 1; width <= 64; ++width) {
        int64_t expected = 1, fewest = 9 * width;
        for (int64_t p = 2; p <= most; p *= 2) {
          const int64_t columns = (width + p - 1) / p * (8 + p);
          if (columns > fewest) continue;
          fewest = columns;
          expected = p;
        }
        EXPECT_EQ(AtOnce(layer, width), expected) << isa << ", " << outputs << ", width " << width;
      }
    }
    // 3 columns, then 4 by 2, 6 by 4, 10 by 8: too little shared.
    const cases::Case c = cases::MakeCase(test::MakeLayer(Few(8, 1, {3, 3}), {.size = {9, 16}}),
                                          cases::Weights::kUniform, 1);
    EXPECT_EQ(AtOnce(test::Pack(c, isa), 16), std::min<int64_t>(8, lanes)) << isa;
  }
}

// For which their chains are made.
TEST(Neighbours, HaveTheInputMaximum) {
  for (const std::string& isa : test::UsableIsas()) {
    const cases::Case c =
        cases::MakeCase(test::MakeLayer(Few(64, 1, {5, 5}), {.size = {8, 8}}),
                        cases::Weights::kUniform, /*seed=*/1, /*input_maximum=*/100);
    const PackedLayer layer = test::Pack(c, isa);
    int64_t count = 1;
    for (const PackedLayer* two = layer.neighbours.get(); two != nullptr;
         two = two->neighbours.get()) {
      EXPECT_EQ(two->input_maximum, 100) << isa;
      count *= 2;
    }
    EXPECT_EQ(count, test::PrepackFor(c, isa).Describe().most_neighbours);
    EXPECT_GT(count, 1) << isa;
  }
}

TEST(Neighbours, AreDeclined) {
  for (const std::string& isa : test::UsableIsas()) {
    cases::Case c = cases::MakeCase(test::MakeLayer(Few(8, 2, {3, 3}), {.size = {8, 8}}),
                                    cases::Weights::kUniform, 1);
    const ConvDescription twice = c.Prepack(isa).Describe();
    EXPECT_GT(twice.most_neighbours, 1) << isa;
    c.transforms = false;
    const ConvDescription once = c.Prepack(isa).Describe();
    EXPECT_EQ(once.most_neighbours, 1) << isa;
    EXPECT_GT(twice.packed_bytes, once.packed_bytes) << isa;
    c.transforms = true;
    c.weight_zero_points = {0, 3};
    EXPECT_EQ(c.Prepack(isa).Describe().most_neighbours, 1) << isa;
    c.weight_zero_points = {0, 0};
    EXPECT_GT(c.Prepack(isa).Describe().most_neighbours, 1) << isa;
  }
}

// A third fewer products are no reason to do without Winograd's algorithm, nearly half as many are.
TEST(Neighbours, TakeTurnsWithWinograd) {
  for (const std::string& isa : test::UsableIsas()) {
    const cases::Case c = cases::MakeCase(
        test::MakeLayer(
            {.in_channels = 128, .out_channels = 2, .kernel = {3, 3}, .padding = {1, 1}},
            {.size = {64, 64}}),
        cases::Weights::kLaplace, 1);
    const PackedLayer layer = test::Pack(c, isa);
    const Conv conv = test::PrepackFor(c, isa);
    for (const int64_t width : {3, 61, 64}) {  // 3 -> a pixel of 6 columns instead of 3 of 3
      const pack::Dims size = {1, 64, width};
      const bool transforms = PrefersTransformed(layer, 1, size, size);
      const bool expected = width == 3 && transforms;
      const Image image = {.size = {64, width}};
      EXPECT_EQ(conv.RunsTransformed(image), expected) << isa << ", " << width;
      EXPECT_EQ(conv.NeighboursAtOnce(image), expected ? 1 : AtOnce(layer, width)) << isa;
    }
  }
}

class NeighbouringPixels : public testing::TestWithParam<std::string> {};

// Outputs, kernels, strides, dilations, paddings and ranks take turns on all widths.
TEST_P(NeighbouringPixels, GiveTheBytesOfTheReference) {
  const Spatial kernels[] = {{3, 3}, {1, 5}, {2, 2}, {5, 3}, {9}, {3, 2, 3}, {3, 7}, {4}};
  constexpr int64_t kInputs[] = {1, 3, 4, 16, 7, 32, 64};
  int turn = 0, several = 0;
  for (int64_t width = 1; width <= 33; ++width) {
    for (const int64_t outputs : {1, 2, 3, 4, 5, 7, 8}) {
      const Spatial& kernel = kernels[++turn % 8];
      ConvParams params = Few(kInputs[(turn + turn / 7) % 7], outputs, kernel);
      const int rank = kernel.rank();
      Image image = {.batch = 1 + turn % 5 / 4, .size = kernel};
      params.stride = params.dilation = params.padding = params.padding_end = kernel;
      for (int i = 0; i < rank; ++i) {
        const bool last = i == rank - 1;
        params.stride[i] = last ? 1 + turn % 3 / 2 : 1 + turn % 4 / 3;
        params.dilation[i] = last ? 1 : 1 + turn % 5 / 4;
        params.padding[i] = turn % 11 % kernel[i];
        params.padding_end[i] = turn % 13 % kernel[i];
        const int64_t reach = params.dilation[i] * (kernel[i] - 1) + 1;
        image.size[i] = last ? (width - 1) * params.stride[i] + reach : reach + turn % 4;
        image.size[i] -= params.padding[i] + params.padding_end[i];
        if (image.size[i] < 1) image.size[i] = 1;
      }
      cases::Case c =
          cases::MakeCase(test::MakeLayer(params, image),
                          turn % 2 == 0 ? cases::Weights::kUniform : cases::Weights::kLaplace,
                          static_cast<uint64_t>(turn));
      test::ScaleSomeChannels(turn % 13, c);
      const std::vector<uint8_t> expected = test::RunReference(c);
      const Conv conv = test::PrepackFor(c, GetParam());
      if (conv.NeighboursAtOnce(image) > 1) ++several;
      EXPECT_EQ(test::Difference(expected, c.Run(conv)), "") << test::Text(c);
      EXPECT_EQ(test::Difference(expected, c.Run(conv, test::InTurn(3))), "") << test::Text(c);
      if (turn % 3 == 0) test::CheckGuarded(c, expected, GetParam(), test::Edge::kBack);
      if (turn % 3 == 1) test::CheckGuarded(c, expected, GetParam(), test::Edge::kFront);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(several, 110);
}

INSTANTIATE_TEST_SUITE_P(Isa, NeighbouringPixels, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
