// What a layer says about its products, where weights leave no doubt about the packer's choice.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int64_t kInputs = 64, kOutputs = 128;  // two panels of the widest at least

// A pointwise layer of one weight in the first half of its output channels and another in the rest.
cases::Case Halves(int8_t first, int8_t second, int32_t maximum = 255) {
  cases::Case c = cases::MakeCase(
      test::MakeLayer({.in_channels = kInputs, .out_channels = kOutputs, .kernel = {1, 1}},
                      {.size = {3, 3}}),
      cases::Weights::kUniform, /*seed=*/1, maximum);
  std::fill(c.weights.begin(), c.weights.end(), first);
  std::fill(c.weights.begin() + kInputs * kOutputs / 2, c.weights.end(), second);
  return c;
}

// Of the ISAs without an exact dot product: output channels of a vector, and what widening takes.
struct Inexact {
  int64_t lanes;
  double widened_instructions;
};
const std::map<std::string, Inexact> kInexact = {{"avx2", {8, 5.0}}, {"avx512", {16, 4.5}}};

class Arithmetic : public testing::TestWithParam<std::string> {
 protected:
  // What the layer says on this ISA; nothing to check if its dot product is exact, once it says so.
  bool Describe(const cases::Case& c) {
    description_ = test::PrepackFor(c, GetParam()).Describe();
    if (kInexact.count(GetParam()) > 0) return true;
    const std::vector<IsaInfo> isas = Isas();
    const auto isa = std::find_if(isas.begin(), isas.end(),
                                  [](const IsaInfo& info) { return info.name == GetParam(); });
    EXPECT_EQ(description_.arithmetic, isa->dot_product);
    ExpectChains({}, 0);
    EXPECT_EQ(description_.instructions, 0);
    EXPECT_EQ(description_.widened_instructions, 0);
    return false;
  }

  // Chains of each length, in all panels together.
  void ExpectChains(const std::array<int64_t, 4>& chains, int64_t widened_channels) const {
    EXPECT_EQ(description_.chains, chains);
    EXPECT_EQ(description_.links, chains[0] + 2 * chains[1] + 3 * chains[2] + 4 * chains[3]);
    EXPECT_EQ(description_.widened_channels, widened_channels);
  }

  int64_t Vectors() const { return kOutputs / kInexact.at(GetParam()).lanes; }
  double Widened() const { return kInexact.at(GetParam()).widened_instructions; }

  ConvDescription description_;
};

TEST_P(Arithmetic, LightWeightsAreInLongChains) {
  if (!Describe(Halves(1, -16))) return;
  EXPECT_EQ(description_.arithmetic, "int16 chains");
  ExpectChains({0, 0, 0, Vectors() * 4}, 0);
  EXPECT_EQ(description_.instructions, 2 + 1 / 4.0);
  EXPECT_EQ(description_.widened_instructions, Widened());
}

TEST_P(Arithmetic, HeavyOnesAreWidened) {
  if (!Describe(Halves(127, -128))) return;
  EXPECT_EQ(description_.arithmetic, "widened");
  ExpectChains({}, kOutputs);
  EXPECT_EQ(description_.instructions, Widened());
  EXPECT_EQ(description_.widened_instructions, Widened());
}

// A declared maximum makes room, for two of a pair though not for chains.
TEST_P(Arithmetic, HeavyOnesAreNotWidenedForSmallInputs) {
  if (!Describe(Halves(127, -128, 127))) return;
  EXPECT_EQ(description_.arithmetic, "int16 chains");
  ExpectChains({Vectors() * 16, 0, 0, 0}, 0);
  EXPECT_EQ(description_.instructions, 3);
}

TEST_P(Arithmetic, EachPanelHasItsOwn) {
  if (!Describe(Halves(10, 100))) return;
  EXPECT_EQ(description_.arithmetic, "int16 chains + widened");
  ExpectChains({0, 0, 0, Vectors() / 2 * 4}, kOutputs / 2);
  EXPECT_EQ(description_.instructions, (2 + 1 / 4.0 + Widened()) / 2);
}

// A list of all taps or, as 64 depth groups are too many for one, of each.
TEST_P(Arithmetic, TapsAreCountedOnce) {
  for (const int64_t channels : {16, 256}) {
    cases::Case c = cases::MakeCase(test::MakeLayer({.in_channels = channels,
                                                     .out_channels = kOutputs,
                                                     .kernel = {3, 3},
                                                     .padding = {1, 1}},
                                                    {.size = {5, 5}}),
                                    cases::Weights::kUniform, /*seed=*/1);
    std::fill(c.weights.begin(), c.weights.end(), int8_t{1});
    if (!Describe(c)) continue;
    ExpectChains({0, 0, 0, Vectors() * 9 * channels / 16}, 0);
    EXPECT_EQ(description_.instructions, 2 + 1 / 4.0);
  }
}

TEST_P(Arithmetic, OfDepthwiseLayers) {
  const cases::Case c = cases::MakeCase(
      test::MakeLayer(
          {.in_channels = kOutputs, .out_channels = kOutputs, .groups = kOutputs, .kernel = {3, 3}},
          {.size = {5, 5}}),
      cases::Weights::kUniform, /*seed=*/1);
  if (!Describe(c)) return;
  EXPECT_EQ(description_.feed, "sliding");
  EXPECT_EQ(description_.arithmetic, "widened");
  ExpectChains({}, kOutputs);
  EXPECT_EQ(description_.instructions, 0);
}

INSTANTIATE_TEST_SUITE_P(Isa, Arithmetic, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
