// Random layers over the whole parameter space, and layers of nothing but the ends of the 8-bit
// ranges, on every usable ISA against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

// Runs a case on every ISA and returns the ISAs that say they have run it.
std::set<std::string> CheckOnEveryIsa(const cases::Case& random) {
  SCOPED_TRACE(test::Text(random));
  const std::vector<uint8_t> expected = test::RunReference(random);
  std::set<std::string> exercised;
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    const Conv conv = random.Prepack(isa);
    EXPECT_EQ(test::Difference(expected, random.Run(conv)), "");
    exercised.insert(conv.Describe().isa);
  }
  return exercised;
}

// An ISA that is built and that this CPU has, but that no kernel ran for, is a failure. Asks the
// library anew rather than test::UsableIsas(), which chose what to run.
void ExpectAllExercised(const std::set<std::string>& exercised) {
  for (const IsaInfo& isa : Isas()) {
    EXPECT_EQ(exercised.count(isa.name), isa.usable ? 1u : 0u) << isa.name;
  }
}

constexpr int kSeedsPerBlock = 64;

class RandomTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomTest, EveryIsaGivesTheReferencesBytes) {
  std::set<std::string> exercised;
  for (int i = 0; i < kSeedsPerBlock; ++i) {
    const auto seed = static_cast<uint64_t>(GetParam() * kSeedsPerBlock + i);
    exercised.merge(CheckOnEveryIsa(cases::RandomCase(seed)));
    if (HasFailure()) break;
  }
  ExpectAllExercised(exercised);
}

// Only the first block runs under the sanitizers in CI (tests/CMakeLists.txt).
INSTANTIATE_TEST_SUITE_P(First, RandomTest, ::testing::Values(0));
INSTANTIATE_TEST_SUITE_P(Slow, RandomTest, ::testing::Range(1, 12));

// Only 0 and the input maximum times -128 and 127: where int16 arithmetic would saturate, it does
// here.
class ExtremesTest : public ::testing::TestWithParam<std::tuple<int64_t, int32_t>> {};

TEST_P(ExtremesTest, EveryIsaGivesTheReferencesBytes) {
  const auto [channels, maximum] = GetParam();
  std::set<std::string> exercised;
  for (const Spatial& kernel : {Spatial{1, 1}, Spatial{3, 3}, Spatial{1, 5}}) {
    for (const int64_t out_channels : {1, 15, 16, 33, 64, 65}) {
      const Spatial padding = {kernel[0] / 2, kernel[1] / 2};
      const cases::Layer layer = test::MakeLayer({.in_channels = channels,
                                                  .out_channels = out_channels,
                                                  .kernel = kernel,
                                                  .padding = padding},
                                                 {.size = {5, 7}});
      for (const uint64_t seed : {1, 2}) {
        cases::Case extremes = cases::MakeCase(layer, cases::Weights::kExtremes, seed, maximum);
        exercised.merge(CheckOnEveryIsa(extremes));
        test::SetWeightZeroPoints(extremes);
        exercised.merge(CheckOnEveryIsa(extremes));
      }
    }
  }
  ExpectAllExercised(exercised);
}

INSTANTIATE_TEST_SUITE_P(Channels, ExtremesTest,
                         ::testing::Combine(::testing::Values(1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 64,
                                                              255),
                                            ::testing::Values(255, 127)));

// Every pair of the four extreme values in every position of a dot product's four bytes, sixteen
// output channels at once. The answer is known without a reference.
class ExtremeQuadsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ExtremeQuadsTest, AllPatterns) {
  for (int input_bits = 0; input_bits < 16; ++input_bits) {
    cases::Case quads = test::OnePixel({0, 0, 0, 0}, {});
    quads.layer.params.out_channels = 16;
    quads.output_quantization = {.scale = 1021.0f, .zero_point = 128};
    quads.weights.clear();
    std::vector<uint8_t> expected;
    for (int k = 0; k < 4; ++k) quads.input[k] = (input_bits >> k & 1) != 0 ? 255 : 0;
    for (int weight_bits = 0; weight_bits < 16; ++weight_bits) {
      int raw = 0;
      for (int k = 0; k < 4; ++k) {
        const int8_t weight = (weight_bits >> k & 1) != 0 ? 127 : -128;
        quads.weights.push_back(weight);
        raw += quads.input[k] * weight;
      }
      // No integer lies halfway between two multiples of an odd scale.
      expected.push_back(static_cast<uint8_t>(128 + std::lround(raw / 1021.0)));
    }
    SCOPED_TRACE(input_bits);
    EXPECT_EQ(test::RunOn(quads, GetParam()), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ExtremeQuadsTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
