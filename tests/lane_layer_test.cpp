// Depthwise layers and layers with narrow groups, systematically, on every usable ISA against the
// reference; and that these layers exercise what there is.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dispatch/registry.h"
#include "lane_layers.h"
#include "layer.h"
#include "pack/lane_feed.h"
#include "pack/lanes.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using IsaAndFamily = std::tuple<std::string, test::LaneFamily>;

class LaneLayers : public testing::TestWithParam<IsaAndFamily> {};

TEST_P(LaneLayers, GiveTheReferencesBytes) {
  const auto& [isa, family] = GetParam();
  const auto threads = Executor::Threads(3);
  int index = 0;
  test::ForEachLaneCase(family, [&](const cases::Case& c) {
    SCOPED_TRACE(test::Text(c));
    const std::vector<uint8_t> expected = test::RunReference(c);
    const Conv conv = test::PrepackFor(c, isa);
    EXPECT_EQ(test::Difference(expected, c.Run(conv, Executor::Serial())), "");
    if (index++ % 4 == 0) {
      EXPECT_EQ(test::Difference(expected, c.Run(conv, *threads)), "");
    }
  });
}

std::string IsaAndFamilyName(const testing::TestParamInfo<IsaAndFamily>& info) {
  return std::get<0>(info.param) + "_" + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(Isa, LaneLayers,
                         testing::Combine(testing::ValuesIn(test::UsableIsas()),
                                          testing::ValuesIn(test::LaneFamilies())),
                         IsaAndFamilyName);

const char* FormName(kernels::SpreadForm form) {
  switch (form) {
    case kernels::SpreadForm::kTaps:
      return "taps";
    case kernels::SpreadForm::kShuffledTaps:
      return "shuffled taps";
    case kernels::SpreadForm::kChannels:
      return "channels";
    case kernels::SpreadForm::kNearChannels:
      return "near channels";
  }
  return "?";
}

// What there is to exercise: "taps, 4 vectors", "quads 2x2", "parts 3", "w in phases", ...
void AddFeatures(const cases::Case& c, const std::string& isa, std::set<std::string>& features) {
  const pack::PackedLayer layer =
      BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {c.activation, isa});
  if (layer.feed != pack::Feed::kLanes) {
    if (pack::PrefersLanes(layer.geometry, *layer.kernels)) features.insert("fallen back");
    return;
  }
  const auto text = [](int64_t number) { return std::to_string(number); };
  const pack::SpreadLayout& spread = layer.spread;
  features.insert("quads " + text(spread.quad_h) + "x" + text(spread.quad_w));
  features.insert("sharing rows " + text(spread.output_rows));
  features.insert("depth groups " + text(spread.depth_groups));
  features.insert("parts " + text(layer.weight_parts));
  features.insert(layer.general_epilogue ? "general" : "symmetric");
  for (const pack::Panel& panel : layer.panels) {
    const int vectors = layer.kernels->shapes[panel.shape].vectors;
    features.insert(std::string(FormName(panel.spread_form)) + ", vectors " + text(vectors));
  }
  const pack::Dims input = ValidateImage(layer.geometry, c.layer.image);
  const ImagePlan plan(layer, c.layer.image.batch, input, OutputSize(layer.geometry, input), 1);
  if (plan.blocks() > 1) features.insert("several blocks");
  const pack::Dims tile = plan.LargestRectangle().extents();
  if (pack::SpreadBytes(layer, tile) > kCopyBytes) features.insert("beyond the stack");
  for (size_t i = 0; i < 3; ++i) {
    const pack::SpreadAxis axis = pack::MakeSpreadAxis(spread.steps[i], tile[i]);
    if (axis.phases > 1) features.insert(std::string("in phases: ") + "dhw"[i]);
  }
}

std::set<std::string> WantedFeatures(const kernels::KernelTable& table) {
  std::set<std::string> wanted = {
      "fallen back",    "quads 1x1",        "quads 1x4",      "quads 2x2",      "quads 4x1",
      "sharing rows 1", "sharing rows 2",   "sharing rows 3", "sharing rows 4", "depth groups 1",
      "depth groups 2", "depth groups 3",   "parts 1",        "general",        "symmetric",
      "several blocks", "beyond the stack", "in phases: d",   "in phases: h",   "in phases: w"};
  // Wider weights take any zero point that lanes take.
  if (table.weight_format == kernels::WeightFormat::kS8Quads)
    wanted.merge(std::set<std::string>{"parts 2", "parts 3"});
  for (int i = 0; i < table.shape_count; ++i) {
    const kernels::PanelShape& shape = table.shapes[i];
    for (int form = 0; form < kernels::kSpreadForms; ++form) {
      if (shape.lanes.spread[form] == nullptr) continue;
      wanted.insert(std::string(FormName(static_cast<kernels::SpreadForm>(form))) + ", vectors " +
                    std::to_string(shape.vectors));
    }
  }
  return wanted;
}

class LaneFeatures : public testing::TestWithParam<std::string> {};

TEST_P(LaneFeatures, AreAllExercised) {
  std::set<std::string> features;
  for (const test::LaneFamily& family : test::LaneFamilies()) {
    test::ForEachLaneCase(family,
                          [&](const cases::Case& c) { AddFeatures(c, GetParam(), features); });
  }
  EXPECT_EQ(features, WantedFeatures(dispatch::SelectKernels(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Isa, LaneFeatures, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
