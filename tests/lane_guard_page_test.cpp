// Lane kernels read whole vectors of a pixel's channels, more than there are: never beyond the
// tensor, wherever it ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "guarded_run.h"
#include "lane_layers.h"
#include "testing.h"

namespace qconv {
namespace {

class LaneGuardPageTest : public testing::TestWithParam<std::string> {
 protected:
  void Check(const ConvParams& params, const Image& image) {
    Check(cases::MakeCase(test::MakeLayer(params, image), cases::Weights::kUniform, next_seed_++));
  }

  void Check(const cases::Case& c) {
    const std::vector<uint8_t> expected = test::RunReference(c);
    test::CheckGuarded(c, expected, GetParam(), test::Edge::kFront);
    test::CheckGuarded(c, expected, GetParam(), test::Edge::kBack);
  }

  // Every `step`-th layer of a family.
  void CheckFamily(const std::string& name, int step = 1) {
    const auto& families = test::LaneFamilies();
    const auto family = std::find_if(families.begin(), families.end(),
                                     [&](const auto& other) { return other.name == name; });
    ASSERT_NE(family, families.end());
    int index = 0;
    test::ForEachLaneCase(*family, [&](const cases::Case& c) {
      if (index++ % step == 0) Check(c);
    });
  }

 private:
  uint64_t next_seed_ = 1;
};

TEST_P(LaneGuardPageTest, Depthwise) {
  const Spatial sizes[] = {{1, 1}, {1, 2}, {2, 1}, {3, 2}, {4, 5}};
  for (int64_t channels = 2; channels <= 70; ++channels) {
    ConvParams params = {.in_channels = channels,
                         .out_channels = channels,
                         .groups = channels,
                         .kernel = {3, 3},
                         .padding = {1, 1}};
    for (const Spatial& size : sizes) Check(params, {.size = size});
    params.stride = {2, 2};
    Check(params, {.batch = 2, .size = {5, 4}});
    params.padding = {0, 0};
    Check(params, {.size = {3, 3}});
  }
}

TEST_P(LaneGuardPageTest, OneDimensionAndOnePixel) {
  for (int64_t channels = 2; channels <= 70; ++channels) {
    ConvParams params = {.in_channels = channels,
                         .out_channels = channels,
                         .groups = channels,
                         .kernel = {6},
                         .padding = {3}};
    for (const int64_t size : {1, 2, 7}) Check(params, {.size = {size}});
    params.kernel = {1};
    params.padding = {0};
    for (const int64_t size : {1, 3}) Check(params, {.size = {size}});
  }
}

TEST_P(LaneGuardPageTest, Multipliers) {
  for (int64_t channels = 2; channels <= 40; ++channels) {
    for (const int64_t multiplier : {2, 3, 17}) {
      const ConvParams params = {.in_channels = channels,
                                 .out_channels = multiplier * channels,
                                 .groups = channels,
                                 .kernel = {3, 2},
                                 .padding = {1, 1}};
      Check(params, {.size = {1 + channels % 3, 2}});
    }
  }
}

TEST_P(LaneGuardPageTest, NarrowGroups) {
  for (const int64_t inputs : {2, 3, 4, 5, 6, 7, 8, 12}) {
    for (const int64_t outputs : {inputs, int64_t{1}, inputs + 1}) {
      for (const int64_t groups : {2, 3, 5, 8, 17}) {
        const ConvParams params = {.in_channels = groups * inputs,
                                   .out_channels = groups * outputs,
                                   .groups = groups,
                                   .kernel = {2, 3},
                                   .padding = {1, 1}};
        Check(params, {.size = {1, 1}});
        Check(params, {.batch = 2, .size = {2, 3}});
      }
    }
  }
}

TEST_P(LaneGuardPageTest, Slides) { CheckFamily("slides"); }

TEST_P(LaneGuardPageTest, GroupsInPlace) {
  const bool in_place = dispatch::SelectKernels(GetParam()).group_depth > 0;
  CheckFamily("groups_in_place", in_place ? 1 : 4);  // the others have NarrowGroups
}

INSTANTIATE_TEST_SUITE_P(Isa, LaneGuardPageTest, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
