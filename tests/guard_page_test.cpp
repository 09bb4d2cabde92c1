// Neither Prepack nor Run touches a byte outside the tensors it was given: each lies between pages
// without access rights, flush with one of them. A violation ends the process with SIGSEGV.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/case.h"
#include "guarded.h"
#include "guarded_run.h"
#include "testing.h"

namespace qconv {
namespace {

using test::CheckGuarded;
using test::Edge;
using test::Guarded;

// Channel counts of every remainder, kernels that step over the last pixels, every feed.
const test::Shape kShapes[] = {
    {"c1", {.in_channels = 1, .out_channels = 1, .kernel = {1, 1}}, {.size = {1, 1}}},
    {"c3", {.in_channels = 3, .out_channels = 5, .kernel = {1, 1}}, {.size = {3, 3}}},
    {"c17", {.in_channels = 17, .out_channels = 58, .kernel = {1, 1}}, {.size = {2, 5}}},
    {"c58", {.in_channels = 58, .out_channels = 255, .kernel = {1, 1}}, {.size = {5, 3}}},
    {"c255", {.in_channels = 255, .out_channels = 17, .kernel = {1, 1}}, {.size = {4, 4}}},
    {"c64", {.in_channels = 64, .out_channels = 64, .kernel = {1, 1}}, {.size = {8, 8}}},
    {"c256_pixel", {.in_channels = 256, .out_channels = 64, .kernel = {1, 1}}, {.size = {1, 1}}},
    {"c5_stride2",
     {.in_channels = 5, .out_channels = 3, .kernel = {1, 1}, .stride = {2, 2}},
     {.size = {6, 6}}},
    {"c16_stride3",
     {.in_channels = 16, .out_channels = 16, .kernel = {2, 2}, .stride = {3, 3}},
     {.size = {7, 7}}},
    {"k3_c1",
     {.in_channels = 1, .out_channels = 17, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {5, 5}}},
    {"k3_c3",
     {.in_channels = 3, .out_channels = 1, .kernel = {3, 3}, .padding = {1, 1}},
     {.batch = 2, .size = {5, 4}}},
    {"k3_c5", {.in_channels = 5, .out_channels = 5, .kernel = {3, 3}}, {.size = {5, 9}}},
    {"k3_c17",
     {.in_channels = 17, .out_channels = 3, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
     {.size = {6, 5}}},
    {"k3_c58",
     {.in_channels = 58, .out_channels = 17, .kernel = {3, 3}, .padding = {1, 1}},
     {.batch = 2, .size = {4, 4}}},
    {"k3_c64",
     {.in_channels = 64, .out_channels = 80, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {7, 7}}},
    {"k3_c255",
     {.in_channels = 255, .out_channels = 5, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {3, 3}}},
    {"k7_c3",
     {.in_channels = 3, .out_channels = 64, .kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}},
     {.size = {16, 15}}},
    {"k3_dilated",
     {.in_channels = 17,
      .out_channels = 5,
      .kernel = {3, 3},
      .dilation = {2, 3},
      .padding = {2, 3}},
     {.size = {7, 8}}},
    {"k3_dilated_c3",
     {.in_channels = 3, .out_channels = 5, .kernel = {3, 3}, .dilation = {2, 2}, .padding = {2, 2}},
     {.size = {7, 8}}},
    {"k3_asymmetric",
     {.in_channels = 5,
      .out_channels = 17,
      .kernel = {3, 3},
      .stride = {2, 2},
      .padding = {0, 0},
      .padding_end = {1, 1}},
     {.size = {6, 6}}},
    {"k3_mostly_padding",
     {.in_channels = 5, .out_channels = 3, .kernel = {3, 3}, .padding = {4, 4}},
     {.size = {1, 2}}},
    {"grouped",
     {.in_channels = 15, .out_channels = 51, .groups = 3, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {4, 5}}},
    {"groups_of_4",
     {.in_channels = 52, .out_channels = 52, .groups = 13, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {5, 7}}},
    {"depthwise",
     {.in_channels = 17, .out_channels = 17, .groups = 17, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {5, 5}}},
    {"depthwise_c58",
     {.in_channels = 58, .out_channels = 116, .groups = 58, .kernel = {5, 5}, .padding = {2, 2}},
     {.size = {6, 4}}},
    {"k9_1d",
     {.in_channels = 17, .out_channels = 58, .kernel = {9}, .padding = {4}},
     {.batch = 3, .size = {23}}},
    {"k11_1d_dilated",
     {.in_channels = 4, .out_channels = 5, .kernel = {11}, .dilation = {3}, .padding = {15}},
     {.batch = 2, .size = {41}}},
    {"k3_1d_c1", {.in_channels = 1, .out_channels = 3, .kernel = {3}}, {.size = {17}}},
    {"k3_3d",
     {.in_channels = 3, .out_channels = 5, .kernel = {3, 3, 3}, .padding = {1, 1, 1}},
     {.size = {3, 4, 5}}},
    {"k2_3d_c17",
     {.in_channels = 17, .out_channels = 17, .kernel = {2, 2, 2}, .stride = {2, 1, 2}},
     {.batch = 2, .size = {4, 3, 5}}},
};

class GuardPageTest : public ::testing::TestWithParam<test::IsaAndShape> {};

TEST_P(GuardPageTest, NothingOutsideTheTensors) {
  const auto& [isa, shape] = GetParam();
  cases::Case guarded_case = cases::MakeCase(test::MakeLayer(shape.params, shape.image),
                                             cases::Weights::kUniform, /*seed=*/1);
  for (const bool weight_zero_points : {false, true}) {
    if (weight_zero_points) test::SetWeightZeroPoints(guarded_case);
    const std::vector<uint8_t> expected = test::RunReference(guarded_case);
    for (const bool transforms : {true, false}) {
      guarded_case.transforms = transforms;
      CheckGuarded(guarded_case, expected, isa, Edge::kFront);
      CheckGuarded(guarded_case, expected, isa, Edge::kBack);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, GuardPageTest,
                         ::testing::Combine(::testing::ValuesIn(test::UsableIsas()),
                                            ::testing::ValuesIn(kShapes)),
                         test::IsaAndShapeName);

class RandomGuardPageTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomGuardPageTest, NothingOutsideTheTensors) {
  constexpr uint64_t kSeeds = 64;
  for (uint64_t seed = GetParam() * kSeeds; seed < (GetParam() + 1) * kSeeds; ++seed) {
    const cases::Case random = cases::RandomCase(seed);
    const std::vector<uint8_t> expected = test::RunReference(random);
    for (const std::string& isa : test::UsableIsas()) {
      CheckGuarded(random, expected, isa, Edge::kFront);
      CheckGuarded(random, expected, isa, Edge::kBack);
    }
  }
}

// As in random_test.cpp: the first block is among the fast tests.
INSTANTIATE_TEST_SUITE_P(First, RandomGuardPageTest, ::testing::Values(0));
INSTANTIATE_TEST_SUITE_P(Slow, RandomGuardPageTest, ::testing::Range<uint64_t>(1, 8));

// The guard itself: it must end the process at either side of the values, wherever they lie.
TEST(GuardedDeathTest, CatchesOneByteTooFar) {
  const std::vector<uint8_t> bytes(100);
  const Guarded<uint8_t> front(bytes, Edge::kFront);
  const Guarded<uint8_t> back(bytes, Edge::kBack);
  const volatile uint8_t* before = front.span().data() - 1;
  const volatile uint8_t* behind = back.span().data() + bytes.size();
  EXPECT_DEATH(static_cast<void>(*before), "");
  EXPECT_DEATH(static_cast<void>(*behind), "");
  EXPECT_TRUE(back.PatternIntact());
  *(back.span().data() - 1) = 0;
  EXPECT_FALSE(back.PatternIntact());
}

}  // namespace
}  // namespace qconv
