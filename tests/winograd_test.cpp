// Layers of 3x3 and n x 3 x 3 on every usable ISA against the reference, on one thread and on
// several, also where Run would not take Winograd kernels; and that they exercise what there is.
#include "pack/winograd.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "layer_ways.h"
#include "pack/transformed.h"
#include "testing.h"
#include "transformed.h"
#include "winograd_layers.h"

namespace qconv {
namespace {

using pack::PackedLayer;

void Check(const cases::Case& c) {
  SCOPED_TRACE(test::Text(c));
  const std::vector<uint8_t> expected = test::RunReference(c);
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    EXPECT_EQ(test::Difference(expected, test::RunOn(c, isa)), "");
    if (dispatch::SelectKernels(isa).transforms[kernels::kWinograd] == nullptr) continue;
    const PackedLayer layer = test::Pack(c, isa);
    if (layer.transformed == nullptr) continue;
    const auto [input_size, output_size] = test::SizesOf(c);
    for (const int threads : {1, 2, 4}) {
      SCOPED_TRACE(threads);
      std::vector<uint8_t> output(expected.size());
      RunTransformed(*layer.transformed, c.layer.image.batch, input_size, output_size,
                     c.input.data(), output.data(), test::InTurn(threads));
      EXPECT_EQ(test::Difference(expected, output), "");
    }
  }
}

class WinogradLayer : public testing::TestWithParam<test::WinogradFamily> {};

TEST_P(WinogradLayer, EveryIsaGivesTheReferencesBytes) {
  test::ForEachWinogradCase(GetParam(), Check);
}

std::string FamilyName(const testing::TestParamInfo<test::WinogradFamily>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Families, WinogradLayer, testing::ValuesIn(test::WinogradFamilies()),
                         FamilyName);

// Real threads, which share the panels of a single block, or blocks.
TEST(WinogradThreads, GiveTheReferencesBytes) {
  const ConvParams params = {
      .in_channels = 40, .out_channels = 150, .kernel = {3, 3}, .padding = {1, 1}};
  int index = 0;
  for (const Spatial& size : {Spatial{6, 6}, Spatial{14, 17}}) {
    const cases::Case c = test::MakeWinogradCase(test::MakeLayer(params, {.size = size}), index++);
    const std::vector<uint8_t> expected = test::RunReference(c);
    for (const std::string& isa : test::UsableIsas()) {
      const Conv conv = test::PrepackFor(c, isa);
      for (const int threads : {1, 2, 4}) {
        SCOPED_TRACE(testing::Message() << test::Text(c) << " on " << isa << ", " << threads);
        EXPECT_EQ(test::Difference(expected, c.Run(conv, *Executor::Threads(threads))), "");
      }
    }
  }
}

TEST(WinogradOption, PacksOnceWhereItIsDeclined) {
  cases::Case c = test::MakeWinogradCase(
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

// What there is to exercise, of a layer with Winograd kernels.
void AddFeatures(const PackedLayer& layer, const cases::Case& c, std::set<std::string>& features) {
  const auto [input_size, output_size] = test::SizesOf(c);
  const bool preferred = PrefersTransformed(layer, c.layer.image.batch, input_size, output_size);
  features.insert(preferred ? "preferred" : "not preferred");
  if (preferred && layer.transformed->geometry.rank == 3) features.insert("preferred in rank 3");
  const PackedLayer& winograd = *layer.transformed;
  const int64_t chunk = pack::TransformChunk(winograd.kernels->lanes);
  features.merge(test::WaysOf(winograd));
  for (const pack::Panel& panel : winograd.panels) {
    features.insert("shape " + std::to_string(panel.shape));
  }
  if (winograd.groups.size() > 1) features.insert("groups");
  for (const pack::ChannelGroup& group : winograd.groups) {
    const pack::TransformUnit unit = pack::UnitOf(winograd, group);
    if (unit.channels % chunk != 0) features.insert("chunks that overlap");
    if (group.in_channels < chunk && unit.begin < group.in_begin) {
      features.insert("groups that share a chunk");
    }
    if (group.in_channels % 4 != 0) features.insert("channels beyond the group");
    if (group.in_channels != winograd.groups[0].in_channels) features.insert("a narrower group");
  }
  if (winograd.geometry.dilation != pack::Dims{1, 1, 1}) features.insert("dilation");
  if (winograd.transform_parts > 1) {
    features.insert(winograd.geometry.kernel[0] > 1 ? "parts of kernel planes" : "parts");
  }
  if (winograd.geometry.rank == 3) features.insert("rank 3");
  if (winograd.geometry.kernel[0] > 1) {
    features.insert(winograd.groups[0].in_channels < chunk ? "kernel planes of narrow groups"
                                                           : "kernel planes");
  }
  if (!c.weight_zero_points.empty()) features.insert("weight zero points");
}

class WinogradFeatures : public testing::TestWithParam<std::string> {};

TEST_P(WinogradFeatures, AreAllExercised) {
  const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
  std::set<std::string> features;
  int preferred = 0, packed = 0, others = 0;
  for (const test::WinogradFamily& family : test::WinogradFamilies()) {
    test::ForEachWinogradCase(family, [&](const cases::Case& c) {
      if (table.transforms[kernels::kWinograd] == nullptr && others > 0) return;  // one is enough
      const PackedLayer layer = test::Pack(c, GetParam());
      if (layer.transformed == nullptr) {
        ++others;
        return;
      }
      ++packed;
      const auto [input_size, output_size] = test::SizesOf(c);
      if (PrefersTransformed(layer, c.layer.image.batch, input_size, output_size)) ++preferred;
      AddFeatures(layer, c, features);
    });
  }
  std::set<std::string> wanted;
  if (table.transforms[kernels::kWinograd] != nullptr) {
    wanted = {"preferred",
              "preferred in rank 3",
              "not preferred",
              "groups",
              "chunks that overlap",
              "groups that share a chunk",
              "channels beyond the group",
              "a narrower group",
              "dilation",
              "rank 3",
              "kernel planes",
              "kernel planes of narrow groups",
              "parts",
              "parts of kernel planes",
              "weight zero points"};
    wanted.merge(test::AllWays(table, /*with_row_terms=*/false));
    for (int i = 0; i < kernels::kTransformedVectors; ++i)
      wanted.insert("shape " + std::to_string(i));
    EXPECT_GT(packed, 200);
    EXPECT_GT(preferred, pack::HasDotProduct(table) ? 20 : 100);
    EXPECT_GT(packed - preferred, 30);
  }
  EXPECT_EQ(features, wanted);
  EXPECT_GT(others, 0);
  RecordProperty("packed", packed);
  RecordProperty("preferred", preferred);
}

INSTANTIATE_TEST_SUITE_P(Isa, WinogradFeatures, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
