// Transformed layers on every usable ISA against the reference, on one thread and on several, also
// where Run would not take these kernels; and that they exercise what there is.
#include "pack/transformed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "layer_ways.h"
#include "pack/winograd.h"
#include "testing.h"
#include "transform_model.h"
#include "transformed.h"
#include "transformed_layers.h"

namespace qconv {
namespace {

using pack::PackedLayer;

void Check(const cases::Case& c) {
  SCOPED_TRACE(test::Text(c));
  const std::vector<uint8_t> expected = test::RunReference(c);
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    EXPECT_EQ(test::Difference(expected, test::RunOn(c, isa)), "");
    const auto [input_size, output_size] = test::SizesOf(c);
    for (const PackedLayer& layer : test::PackTransformed(c, isa)) {
      for (const int threads : {1, 2, 4}) {
        SCOPED_TRACE(testing::Message() << layer.Algorithm().name << ", " << threads);
        std::vector<uint8_t> output(expected.size());
        RunTransformed(layer, c.layer.image.batch, input_size, output_size, c.input.data(),
                       output.data(), test::InTurn(threads));
        EXPECT_EQ(test::Difference(expected, output), "");
      }
    }
  }
}

class TransformedLayer : public testing::TestWithParam<test::TransformedFamily> {};

TEST_P(TransformedLayer, EveryIsaGivesTheReferencesBytes) {
  test::ForEachTransformedCase(GetParam(), Check);
}

std::string FamilyName(const testing::TestParamInfo<test::TransformedFamily>& info) {
  return info.param.name;
}

std::vector<test::TransformedFamily> Families(bool large) {
  std::vector<test::TransformedFamily> families = test::TransformedFamilies();
  std::erase_if(families, [=](const auto& family) { return family.large != large; });
  return families;
}

INSTANTIATE_TEST_SUITE_P(Small, TransformedLayer, testing::ValuesIn(Families(/*large=*/false)),
                         FamilyName);
// The sanitizers see a third of these, in transformed_guard_page_test.cpp.
INSTANTIATE_TEST_SUITE_P(Slow, TransformedLayer, testing::ValuesIn(Families(/*large=*/true)),
                         FamilyName);

// Real threads, which share the panels of a single block, or blocks.
TEST(TransformedThreads, GiveTheReferencesBytes) {
  const ConvParams winograd = {
      .in_channels = 40, .out_channels = 150, .kernel = {3, 3}, .padding = {1, 1}};
  const ConvParams strassen = {.in_channels = 320, .out_channels = 300, .kernel = {1, 1}};
  for (const auto& [params, size] : {std::pair(winograd, Spatial{6, 6}),
                                     {winograd, Spatial{14, 17}},
                                     {strassen, Spatial{6, 6}},
                                     {strassen, Spatial{34, 27}}}) {
    const cases::Case c =
        test::MakeTransformedCase(test::MakeLayer(params, {.size = size}), /*index=*/0);
    const std::vector<uint8_t> expected = test::RunReference(c);
    const auto [input_size, output_size] = test::SizesOf(c);
    for (const std::string& isa : test::UsableIsas()) {
      if (params.in_channels == strassen.in_channels) {
        EXPECT_EQ(PrefersTransformed(test::Pack(c, isa), 1, input_size, output_size),
                  isa == "avx2" || isa == "avx512");
      }
      const Conv conv = test::PrepackFor(c, isa);
      for (const int threads : {1, 2, 4}) {
        SCOPED_TRACE(testing::Message() << test::Text(c) << " on " << isa << ", " << threads);
        EXPECT_EQ(test::Difference(expected, c.Run(conv, *Executor::Threads(threads))), "");
      }
    }
  }
}

TEST(TransformsOption, PacksOnceWhereItIsDeclined) {
  cases::Case c = test::MakeTransformedCase(
      test::MakeLayer({.in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .padding = {1, 1}},
                      {.size = {28, 28}}),
      /*index=*/0);
  const std::vector<uint8_t> expected = test::RunReference(c);
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    c.transforms = true;
    const ConvDescription twice = c.Prepack(isa).Describe();
    c.transforms = false;
    const Conv conv = c.Prepack(isa);
    const ConvDescription once = conv.Describe();
    EXPECT_EQ(twice.transform_tile != "", isa != "scalar");
    EXPECT_EQ(once.transform_tile, "");
    EXPECT_EQ(once.transform_instructions, 0);
    const int64_t second = twice.packed_bytes - once.packed_bytes;
    if (isa == "scalar") {
      EXPECT_EQ(second, 0);
    } else {  // the weights, and numbers of 64 columns
      constexpr int64_t kWeights = 64 * 64 * 9 * 8;
      EXPECT_GT(second, kWeights);
      EXPECT_LT(second, kWeights + 64 * 64);
    }
    EXPECT_EQ(test::Difference(expected, c.Run(conv)), "");
  }
}

// What there is to exercise, of a transformed layer.
void AddFeatures(const PackedLayer& layer, const cases::Case& c, std::set<std::string>& features) {
  const int64_t chunk = pack::TransformChunk(layer.kernels->lanes);
  features.merge(test::WaysOf(layer));
  for (const pack::Panel& panel : layer.panels) {
    features.insert("shape " + std::to_string(panel.shape));
    if (panel.columns < layer.kernels->shapes[panel.shape].columns) features.insert("idle columns");
  }
  if (layer.groups.size() > 1) features.insert("groups");
  for (const pack::ChannelGroup& group : layer.groups) {
    const pack::TransformUnit unit = pack::UnitOf(layer, group);
    if (unit.channels % chunk != 0) features.insert("chunks that overlap");
    if (group.in_channels < chunk && unit.begin < group.in_begin) {
      features.insert("groups that share a chunk");
    }
    const int64_t channels = group.in_channels / layer.Algorithm().blocks;
    if (channels % 4 != 0) {
      features.insert(channels < chunk ? "channels beyond the group"
                                       : "channels multiplied once only");
    }
    if (group.in_channels != layer.groups[0].in_channels) features.insert("a narrower group");
  }
  const auto outputs = test::SizesOf(c).output;
  const int64_t pixels = c.layer.image.batch * outputs[0] * outputs[1] * outputs[2];
  if (pixels % layer.Algorithm().outputs != 0) features.insert("a tile beyond the output");
  const Spatial& dilation = c.layer.params.dilation;  // as given: 1x1 kernels have none, either
  const bool dilated =
      std::any_of(dilation.begin(), dilation.end(), [](int64_t d) { return d != 1; });
  if (dilated) features.insert("dilation");
  if (layer.geometry.stride != pack::Dims{1, 1, 1}) features.insert("stride");
  if (layer.transform_parts > 1) {
    features.insert(layer.geometry.kernel[0] > 1 ? "parts of kernel planes" : "parts");
  }
  if (layer.geometry.rank == 3) features.insert("rank 3");
  if (layer.geometry.kernel[0] > 1) {
    features.insert(layer.groups[0].in_channels < chunk ? "kernel planes of narrow groups"
                                                        : "kernel planes");
  }
  if (!c.weight_zero_points.empty()) features.insert("weight zero points");
}

// Of one transform.
struct Exercised {
  std::set<std::string> features;
  int packed = 0, preferred = 0, not_preferred = 0;  // layers; of their images, where Run has both
};

class TransformedFeatures : public testing::TestWithParam<std::string> {};

TEST_P(TransformedFeatures, AreAllExercised) {
  const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
  Exercised all[kernels::kTransformCount];
  int others = 0;
  for (const test::TransformedFamily& family : test::TransformedFamilies()) {
    test::ForEachTransformedCase(family, [&](const cases::Case& c) {
      for (const PackedLayer& layer : test::PackTransformed(c, GetParam())) {
        ++all[layer.transform].packed;
        AddFeatures(layer, c, all[layer.transform].features);
      }
      const PackedLayer layer = test::Pack(c, GetParam());
      if (layer.transformed == nullptr) {
        ++others;
        return;
      }
      const auto [input_size, output_size] = test::SizesOf(c);
      Exercised& exercised = all[layer.transformed->transform];
      const bool preferred =
          PrefersTransformed(layer, c.layer.image.batch, input_size, output_size);
      ++(preferred ? exercised.preferred : exercised.not_preferred);
      exercised.features.insert(preferred ? "preferred" : "not preferred");
      if (preferred && layer.geometry.rank == 3) exercised.features.insert("preferred in rank 3");
    });
  }
  EXPECT_GT(others, 0);
  const bool vectors = GetParam() != "scalar", widens = vectors && !pack::HasDotProduct(table);
  for (int transform = 0; transform < kernels::kTransformCount; ++transform) {
    const Exercised& exercised = all[transform];
    SCOPED_TRACE(kernels::kTransforms[transform].name);
    const bool winograd = transform == kernels::kWinograd;
    const bool widened = transform == kernels::kWidened;
    EXPECT_EQ(table.transforms[transform] != nullptr,
              winograd ? vectors : widens && (!widened || GetParam() == "avx2"));
    std::set<std::string> wanted;
    if (table.transforms[transform] != nullptr) {
      wanted = {"preferred",
                "not preferred",
                "chunks that overlap",
                "channels multiplied once only",
                "idle columns",
                "dilation",
                "stride",
                "rank 3",
                "weight zero points"};
      if (!widened) wanted.insert("a tile beyond the output");
      if (winograd || widened) wanted.insert("preferred in rank 3");
      if (winograd) {
        wanted.insert({"groups", "groups that share a chunk", "channels beyond the group",
                       "a narrower group", "kernel planes", "kernel planes of narrow groups",
                       "parts", "parts of kernel planes"});
      }
      wanted.merge(test::AllWays(table, /*with_row_terms=*/false));
      for (int i = 0; i < kernels::kTransformedVectors; ++i) {
        wanted.insert("shape " + std::to_string(i));
      }
      EXPECT_GT(exercised.packed, 100);
      if (winograd) {
        EXPECT_GT(exercised.preferred + exercised.not_preferred, 200);
      }
      EXPECT_GT(exercised.preferred, !winograd ? 3 : widens ? 100 : 20);
      EXPECT_GT(exercised.not_preferred, winograd ? 30 : 1);
    }
    EXPECT_EQ(exercised.features, wanted);
    const std::string name = kernels::kTransforms[transform].name;
    RecordProperty(name + ", packed", exercised.packed);
    RecordProperty(name + ", preferred", exercised.preferred);
  }
}

// Not under sanitizers: what is packed here, tests of the layers pack too.
INSTANTIATE_TEST_SUITE_P(Slow, TransformedFeatures, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
