// Which layers and images Strassen's kernels are for; just within the limits of the arithmetic they
// are exact.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "pack/strassen.h"
#include "testing.h"
#include "transform_model.h"
#include "transformed.h"
#include "transformed_layers.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::KernelTable;
using pack::PackedLayer;

constexpr int kBoth[] = {kernels::kStrassen, kernels::kStrassenTwice};
constexpr int kAll[] = {kernels::kWidened, kernels::kStrassen, kernels::kStrassenTwice};

class StrassenLimits : public testing::TestWithParam<std::string> {
 protected:
  const KernelTable& table() const { return dispatch::SelectKernels(GetParam()); }
  bool HasKernels() const { return GetParam() == "avx2" || GetParam() == "avx512"; }
  bool HasKernels(int transform) const {
    return transform == kernels::kWidened ? GetParam() == "avx2" : HasKernels();
  }

  PackedLayer Layer(const ConvParams& params, int transform) const {
    PackedLayer layer = {};
    layer.geometry = ValidateParams(params);
    layer.kernels = &table();
    layer.feed = pack::Feed::kTransformed;
    layer.transform = transform;
    return layer;
  }

  // Runs the packing of a case by this transform; returns how many there are.
  int CheckPacked(const cases::Case& c, const std::vector<uint8_t>& expected, int transform) const {
    int packed = 0;
    const auto [input_size, output_size] = test::SizesOf(c);
    for (const PackedLayer& layer : test::PackTransformed(c, GetParam())) {
      if (layer.transform != transform) continue;
      ++packed;
      std::vector<uint8_t> output(expected.size());
      RunTransformed(layer, 1, input_size, output_size, c.input.data(), output.data(),
                     Executor::Serial());
      EXPECT_EQ(test::Difference(expected, output), "");
    }
    return packed;
  }
};

TEST_P(StrassenLimits, Shapes) {
  for (const int transform : kAll) {
    const int64_t blocks = kernels::kTransforms[transform].blocks;
    const bool has_kernels = HasKernels(transform);
    const int64_t least = blocks * 2 * table().lanes;
    const auto has = [&](auto change) {
      ConvParams params = {.in_channels = least, .out_channels = blocks, .kernel = {1, 1}};
      change(params);
      return pack::HasStrassenShape(Layer(params, transform));
    };
    EXPECT_EQ(has([](ConvParams&) {}), has_kernels);
    EXPECT_EQ(has([](ConvParams& p) { p.stride = {3, 2}; }), has_kernels);
    EXPECT_EQ(has([](ConvParams& p) { p.kernel = {1}; }), has_kernels);
    EXPECT_EQ(has([](ConvParams& p) { p.kernel = {1, 1, 1}; }), has_kernels);
    EXPECT_EQ(has([&](ConvParams& p) { p.in_channels += blocks; }), has_kernels);
    EXPECT_FALSE(has([&](ConvParams& p) { p.in_channels -= blocks; }));
    const bool any_channels = has_kernels && blocks == 1;
    EXPECT_EQ(has([](ConvParams& p) { p.in_channels += 1; }), any_channels);
    EXPECT_EQ(has([](ConvParams& p) { p.out_channels += 1; }), any_channels);
    EXPECT_FALSE(has([](ConvParams& p) { p.kernel = {2, 1}; }));
    EXPECT_FALSE(has([](ConvParams& p) { p.kernel = {1, 3}; }));
    EXPECT_FALSE(has([](ConvParams& p) { p.padding = {1, 0}, p.padding_end = {0, 0}; }));
    EXPECT_FALSE(has([](ConvParams& p) { p.padding = {0, 0}, p.padding_end = {0, 1}; }));
    EXPECT_FALSE(has([](ConvParams& p) {
      p.in_channels *= 2;
      p.out_channels *= 2;
      p.groups = 2;
    }));
  }
}

// Weights of the largest magnitude that there may be, and the largest inputs. Weights of an output
// channel share its zero point and so, that far from zero, their sign; blocks of outputs have signs
// that lead to the largest transformed weights, which are half of what the limit allows for.
TEST_P(StrassenLimits, TransformedWeightsFitInt16) {
  constexpr int kSigns[][4] = {{1, -1, 1, -1}, {1, 1, -1, -1}, {1, -1, -1, 1}};  // of two outputs
  for (const int transform : kAll) {
    const bool widened = transform == kernels::kWidened;
    const int32_t most = widened ? 32767 : transform == kernels::kStrassen ? 32767 / 4 : 32767 / 16;
    for (const int sign : {1, -1}) {
      cases::Case c = test::OnePixel({}, {});
      const int64_t inputs = widened ? 130 : 520;
      c.layer = test::MakeLayer({.in_channels = inputs, .out_channels = 8, .kernel = {1, 1}},
                                {.size = {3, 5}});
      c.weights.resize(static_cast<size_t>(8 * inputs));
      c.weight_zero_points.resize(8);
      c.output_quantization = {.scale = transform == kernels::kStrassenTwice ? 0x1p21f : 0x1p23f,
                               .zero_point = 128};
      for (int64_t out = 0; out < 8; ++out) {
        const int own = sign * kSigns[transform - kernels::kWidened][out / 2];
        c.weight_zero_points[static_cast<size_t>(out)] = -own * (most - 127);
        for (int64_t in = 0; in < inputs; ++in) {
          c.weights[static_cast<size_t>(out * inputs + in)] =
              static_cast<int8_t>(own * (127 - (in + out) % 3));
        }
      }
      c.input.resize(static_cast<size_t>(c.layer.InputBytes()));
      for (size_t i = 0; i < c.input.size(); ++i) c.input[i] = i % 7 < 4 ? 255 : 0;
      const PackedLayer shape = Layer(c.layer.params, transform);
      EXPECT_TRUE(pack::FitsStrassen(shape, c.weights, c.weight_zero_points));
      const std::vector<uint8_t> expected = test::RunReference(c);
      for (const uint8_t byte : expected) EXPECT_TRUE(byte > 0 && byte < 255);
      EXPECT_EQ(test::Difference(expected, test::RunOn(c, GetParam())), "");
      EXPECT_EQ(CheckPacked(c, expected, transform), HasKernels(transform) ? 1 : 0);
      // One more is too much, wherever it is.
      for (const size_t out : {0, 7}) {
        std::vector<int32_t> zero_points = c.weight_zero_points;
        zero_points[out] += zero_points[out] > 0 ? 1 : -1;
        EXPECT_FALSE(pack::FitsStrassen(shape, c.weights, zero_points));
        zero_points[out] = INT32_MAX;
        EXPECT_FALSE(pack::FitsStrassen(shape, c.weights, zero_points));
        zero_points[out] = INT32_MIN;
        EXPECT_FALSE(pack::FitsStrassen(shape, c.weights, zero_points));
      }
    }
  }
}

TEST_P(StrassenLimits, LayersAndImages) {
  const auto pack = [&](int64_t inputs, int64_t outputs, cases::Weights weights) {
    const ConvParams params = {.in_channels = inputs, .out_channels = outputs, .kernel = {1, 1}};
    return test::Pack(cases::MakeCase(test::MakeLayer(params, {.size = {5, 5}}), weights,
                                      /*seed=*/1),
                      GetParam());
  };
  const auto prefers = [](const PackedLayer& layer, const Image& image) {
    const pack::Dims size = ValidateImage(layer.geometry, image);
    return PrefersTransformed(layer, image.batch, size, OutputSize(layer.geometry, size));
  };
  // Trained weights have chains, which take less.
  EXPECT_EQ(pack(512, 512, cases::Weights::kLaplace).transformed, nullptr);
  EXPECT_EQ(pack(12, 512, cases::Weights::kUniform).transformed, nullptr);
  // Idle columns, of each block, would take more than is saved; AVX2 widens the input ahead.
  const PackedLayer narrow = pack(512, 24, cases::Weights::kUniform);
  if (GetParam() == "avx2") {
    ASSERT_NE(narrow.transformed, nullptr);
    EXPECT_EQ(narrow.transformed->transform, kernels::kWidened);
  }
  const PackedLayer layer = pack(512, 512, cases::Weights::kUniform);
  ASSERT_EQ(layer.transformed != nullptr, HasKernels());
  EXPECT_EQ(prefers(layer, {.size = {14, 14}}), HasKernels());
  EXPECT_EQ(prefers(layer, {.batch = 5, .size = {7, 7}}), HasKernels());
  EXPECT_FALSE(prefers(layer, {.size = {1, 1}}));
  EXPECT_FALSE(prefers(layer, {.batch = 0, .size = {14, 14}}));
}

TEST_P(StrassenLimits, ScratchHoldsSixTiles) {
  if (!HasKernels()) return;
  const auto fits = [&](int64_t channels, int transform) {
    PackedLayer layer =
        Layer({.in_channels = channels, .out_channels = 4, .kernel = {1, 1}}, transform);
    layer.groups = {{.in_begin = 0,
                     .in_channels = channels,
                     .out_begin = 0,
                     .out_channels = 4,
                     .tap_bytes = channels,
                     .depth_groups = channels / 4}};
    return FitsTransformed(layer);
  };
  for (const int transform : kBoth) {
    EXPECT_TRUE(fits(2048, transform));
    int64_t most = 2048;
    while (most < 100000 && fits(most + 4, transform)) most += 4;
    ASSERT_LT(most, 100000);
    // Those that do not fit have no such packing, those that just do have room.
    for (const int64_t channels : {most, most + 4}) {
      const ConvParams params = {.in_channels = channels, .out_channels = 68, .kernel = {1, 1}};
      const cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = {5, 5}}),
                                            cases::Weights::kUniform, /*seed=*/1);
      const std::vector<uint8_t> expected = test::RunReference(c);
      EXPECT_EQ(CheckPacked(c, expected, transform), channels == most ? 1 : 0);
    }
  }
}

TEST_P(StrassenLimits, AreDescribed) {
  const ConvParams params = {.in_channels = 512, .out_channels = 512, .kernel = {1, 1}};
  cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = {9, 9}}),
                                  cases::Weights::kUniform, /*seed=*/1);
  const ConvDescription d = c.Prepack(GetParam()).Describe();
  EXPECT_EQ(d.transform, HasKernels() ? "Strassen, twice" : "");
  EXPECT_EQ(d.transform_tile != "", HasKernels());
  if (HasKernels()) {  // 49 products for 64, of two instructions
    EXPECT_GT(d.transform_instructions, 4 * 49 / 64.0);
    EXPECT_LT(d.transform_instructions, d.instructions);
  }
  c.transforms = false;
  const ConvDescription once = c.Prepack(GetParam()).Describe();
  EXPECT_EQ(once.transform, "");
  // 49 numbers of two bytes for 16 weights.
  if (HasKernels()) {
    EXPECT_GE(d.packed_bytes - once.packed_bytes, 512 * 512 * 49 / 8);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, StrassenLimits, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
