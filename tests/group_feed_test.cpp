// Narrow groups in place: where their kernels find the input, and that these write each byte of the
// output once.
#include "pack/group_feed.h"

#include <gtest/gtest.h>

#include <string>

#include "dispatch/registry.h"
#include "group_walk.h"
#include "lane_layers.h"
#include "layer.h"
#include "pack/group_panels.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::KernelTable;
using pack::Dims;

class GroupFeed : public testing::TestWithParam<std::string> {
 protected:
  void Check(const cases::Case& c) {
    // Packing takes time.
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    if (!pack::ReadsGroupsInPlace(ValidateParams(c.layer.params), table)) return;
    const pack::PackedLayer layer =
        BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = GetParam()});
    if (!layer.groups_in_place) return;
    const Dims input = ValidateImage(layer.geometry, c.layer.image);
    const Dims output = OutputSize(layer.geometry, input);
    const struct {
      int threads;
      int64_t blocks_per_feeder, splits;
    } runs[] = {{1, 100, 1}, {3, 2, 1}, {16, 1, 3}};
    for (const auto& run : runs) {
      SCOPED_TRACE(test::Text(c) + ", threads " + std::to_string(run.threads));
      const ImagePlan plan(layer, c.layer.image.batch, input, output, run.threads);
      if (!plan.in_place()) return;
      test::GroupWalk walk(layer, c, plan);
      walk.Check(run.blocks_per_feeder, run.splits, /*backwards=*/run.threads == 3);
      ++walks_;
      if (walk.read_the_copy()) ++copies_;
      if (walk.cut_pixels()) ++cut_pixels_;
      if (walk.cut_rows()) ++cut_rows_;
      if (plan.batch() * plan.blocks() > run.blocks_per_feeder) ++feeders_;
    }
  }

  // Of walks.
  int walks_ = 0, copies_ = 0, cut_pixels_ = 0, cut_rows_ = 0, feeders_ = 0;
};

TEST_P(GroupFeed, LeadsToEachPixelAndWritesEachByteOnce) {
  for (const test::LaneFamily& family : test::LaneFamilies()) {
    test::ForEachLaneCase(family, [&](const cases::Case& c) { Check(c); });
  }
  const KernelTable& table = dispatch::SelectKernels(GetParam());
  // Rotated quads of one depth group, of more; shuffled ones.
  const bool any = table.rotated_depth > 0, many = table.rotated_depth > 1;
  const bool shuffled = table.group_depth > 0;
  EXPECT_EQ(walks_ > 80, any) << walks_;
  EXPECT_EQ(copies_ > 40, any) << copies_;
  EXPECT_EQ(feeders_ > 40, any) << feeders_;
  EXPECT_EQ(walks_ > 250, many) << walks_;
  EXPECT_EQ(copies_ > 130, many) << copies_;
  EXPECT_EQ(feeders_ > 105, many) << feeders_;
  EXPECT_EQ(cut_pixels_ > 20, shuffled) << cut_pixels_;
  EXPECT_EQ(cut_rows_ > 8, shuffled) << cut_rows_;
}

INSTANTIATE_TEST_SUITE_P(Isa, GroupFeed, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
