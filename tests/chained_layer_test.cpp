// Whole layers with weights that are easy, hard or impossible to chain and inputs at the ends of
// their range, on every usable ISA against the reference; and that they exercise what there is.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "chained_layers.h"
#include "common/case.h"
#include "common/numbers.h"
#include "dispatch/registry.h"
#include "layer.h"
#include "layer_ways.h"
#include "pack/chains.h"
#include "testing.h"

namespace qconv {
namespace {

// Runs a case on every usable ISA.
void Check(const cases::Case& c) {
  SCOPED_TRACE(test::Text(c));
  const std::vector<uint8_t> expected = test::RunReference(c);
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    EXPECT_EQ(test::Difference(expected, test::RunOn(c, isa)), "");
  }
}

using ShapeAndMaximum = std::tuple<test::Shape, int32_t>;

class ChainedLayer : public testing::TestWithParam<ShapeAndMaximum> {};

TEST_P(ChainedLayer, EveryIsaGivesTheReferencesBytes) {
  const auto& [shape, maximum] = GetParam();
  test::ForEachChainedCase(shape, maximum, Check);
}

std::string ShapeAndMaximumName(const testing::TestParamInfo<ShapeAndMaximum>& info) {
  return std::string(std::get<0>(info.param).name) + "_" + std::to_string(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ChainedLayer,
                         testing::Combine(testing::ValuesIn(test::ChainedShapes()),
                                          testing::Values(255, 128, 127, 1)),
                         ShapeAndMaximumName);

pack::PackedLayer Pack(const cases::Case& c, const std::string& isa) {
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias,
                    {.activation = c.activation, .isa = isa, .input_maximum = c.input_maximum});
}

std::string FeedName(pack::Feed feed) { return "feed " + std::to_string(static_cast<int>(feed)); }

// What there is to exercise: "chains of 4", "lists of taps alone", "widened beside chains", ...
void AddFeatures(const pack::PackedLayer& layer, std::set<std::string>& features) {
  std::set<std::string> panels;
  for (const pack::Panel& panel : layer.panels) {
    panels.insert(panel.shape == kernels::kChainedShape ? "chains" : "others");
  }
  if (panels.size() == 2) features.insert("chains beside others");
  features.merge(panels);
  if (layer.chain_lists.empty()) return;
  for (const kernels::ChainList& list : layer.chain_lists) {
    if (list.links == 0) features.insert("empty list");
    for (int i = 0; i < kernels::kMaxLinks; ++i) {
      if (list.counts[i] > 0) features.insert("chains of " + std::to_string(i + 1));
    }
  }
  features.insert(pack::HasWholeChains(layer) ? "lists of all taps" : "lists of taps alone");
  for (const pack::Panel& panel : layer.panels) {
    if (panel.shape == kernels::kChainedShape) features.merge(test::WaysOf(layer, panel));
  }
  features.insert(FeedName(layer.feed));
}

class ChainedFeatures : public testing::TestWithParam<std::string> {};

TEST_P(ChainedFeatures, AreAllExercised) {
  std::set<std::string> features;
  for (const test::Shape& shape : test::ChainedShapes()) {
    for (const int32_t maximum : {255, 127}) {
      test::ForEachChainedCase(shape, maximum, [&](const cases::Case& c) {
        AddFeatures(Pack(c, GetParam()), features);
      });
    }
  }
  const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
  std::set<std::string> wanted = {"others"};
  if (table.shapes[kernels::kChainedShape].vectors > 0) {
    wanted.insert({"chains", "chains beside others", "chains of 1", "chains of 2", "chains of 3",
                   "chains of 4", "empty list", "lists of all taps", "lists of taps alone",
                   FeedName(pack::Feed::kTaps), FeedName(pack::Feed::kRuns),
                   FeedName(pack::Feed::kGathered)});
    wanted.merge(test::AllWays(table, /*with_row_terms=*/true));
  }
  EXPECT_EQ(features, wanted);
}

// Not under sanitizers: what is packed here, tests of the layers pack too.
INSTANTIATE_TEST_SUITE_P(Slow, ChainedFeatures, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

// Taps that take as many links as there can be, and so many taps that a list of all of them would
// be beyond kMaxWholeLinks. Chains pay nevertheless: the heavy weights of a tap are in one channel,
// and there is room for those of others beside them.
TEST(ChainedList, OfAsManyLinksAsThereCanBe) {
  for (const int64_t taps : {300, 682, 683, 1024}) {
    cases::Case c =
        cases::MakeCase(test::MakeLayer({.in_channels = 4, .out_channels = 16, .kernel = {taps}},
                                        {.size = {taps + 7}}),
                        cases::Weights::kExtremes, /*seed=*/1);
    for (int64_t out = 0; out < 16; ++out) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t in = 0; in < 4; ++in) {
          const bool heavy = tap % 20 < 11, here = tap % 8 == out % 8;
          c.weights[static_cast<size_t>((out * taps + tap) * 4 + in)] =
              static_cast<int8_t>(!heavy ? 1
                                  : here ? 64 + (in + 1) % 2
                                         : 0);
        }
      }
    }
    cases::ChooseOutput(c);
    Check(c);
    for (const std::string& isa : test::UsableIsas()) {
      const pack::PackedLayer layer = Pack(c, isa);
      if (layer.kernels->shapes[kernels::kChainedShape].vectors == 0) continue;
      EXPECT_EQ(pack::HasWholeChains(layer), taps <= 682) << taps;
      if (!pack::HasWholeChains(layer)) continue;
      for (const pack::Panel& panel : layer.panels) {
        ASSERT_EQ(panel.shape, kernels::kChainedShape) << isa;
        const int64_t links = layer.chain_lists[static_cast<size_t>(panel.whole_chains)].links;
        EXPECT_LE(links, kernels::kMaxWholeLinks);
      }
    }
  }
}

// A window of more than two GiB, mapped but hardly used: too far for a list of all taps.
TEST(ChainedList, BeyondTwoGiB) {
  constexpr int64_t kChannels = 16, kDilation = (int64_t{1} << 26) + 100;
  cases::Case c = test::OnePixel({}, {});
  c.layer = test::MakeLayer(
      {.in_channels = kChannels, .out_channels = 16, .kernel = {3}, .dilation = {kDilation}},
      {.size = {2 * kDilation + 2}});
  c.output_quantization.scale = 4;
  for (int i = 0; i < 16 * 3 * kChannels; ++i) c.weights.push_back(static_cast<int8_t>(i % 5));
  const auto bytes = static_cast<size_t>(c.layer.InputBytes());
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  const std::span input(static_cast<uint8_t*>(pages), bytes);
  for (int64_t tap = 0; tap < 3; ++tap) {
    for (int64_t i = 0; i < 2 * kChannels; ++i) {
      input[static_cast<size_t>(tap * kDilation * kChannels + i)] = static_cast<uint8_t>(tap + i);
    }
  }
  std::vector<uint8_t> expected(2 * 16), output(expected.size());
  c.Reference().Run(c.layer.image, input, expected);
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    test::PrepackFor(c, isa).Run(c.layer.image, input, output, Executor::Serial());
    EXPECT_EQ(test::Difference(expected, output), "");
  }
  munmap(pages, bytes);
}

}  // namespace
}  // namespace qconv
