// Longer than 250 lines: mostly lists of layers.
// Depthwise layers and layers with narrow groups, systematically, on every usable ISA against the
// reference; and that these layers exercise what there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "dispatch/registry.h"
#include "lane_layers.h"
#include "layer.h"
#include "layer_ways.h"
#include "pack/group_panels.h"
#include "pack/lane_feed.h"
#include "pack/lanes.h"
#include "pack/slide.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using IsaAndFamily = std::tuple<std::string, test::LaneFamily>;

class LaneLayers : public testing::TestWithParam<IsaAndFamily> {};

TEST_P(LaneLayers, GiveTheReferencesBytes) {
  const std::string& isa = std::get<0>(GetParam());
  const auto threads = Executor::Threads(3);
  int index = 0;
  test::ForEachLaneCase(std::get<1>(GetParam()), [&](const cases::Case& c) {
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

std::string Text(int64_t number) { return std::to_string(number); }

std::string SlideName(int form, int vectors) {
  const kernels::SlideForm& f = kernels::kSlideForms[form];
  return "slide " + Text(f.taps) + " taps, quads " + Text(f.quads) + ", stride " + Text(f.stride) +
         ", vectors " + Text(vectors);
}

enum class Quads { kShuffled, kBroadcast, kRotated };

std::string GroupName(Quads quads, const std::string& what) {
  constexpr const char* kNames[] = {"shuffled", "broadcast", "rotated"};
  return std::string("groups ") + kNames[static_cast<int>(quads)] + ", " + what;
}

void AddSlideFeatures(const pack::PackedLayer& layer, const ImagePlan& plan,
                      std::set<std::string>& features) {
  for (const pack::Panel& panel : layer.panels) {
    const int vectors = layer.kernels->shapes[panel.shape].vectors;
    for (const std::string& way : test::WaysOf(layer, panel)) {
      features.insert(SlideName(layer.slide_form, vectors) + ", " + way);
    }
  }
  const pack::Geometry& g = layer.geometry;
  const pack::SpreadLayout& spread = layer.spread;
  features.insert("slide rows " + Text(spread.output_rows));
  if (spread.row_step > 1) features.insert("slide rows apart");
  if (spread.output_rows > 1 && spread.row_taps > 1) features.insert("slide rows of few taps");
  if (std::gcd(g.stride[2], g.dilation[2]) < g.dilation[2]) features.insert("slide phases");
  if (plan.blocks() > 1) features.insert("slide blocks");
  if (plan.LargestRectangle().rows() > kMaxBlockRows) features.insert("slide long rows");
}

void AddGroupFeatures(const pack::PackedLayer& layer, const ImagePlan& plan,
                      std::set<std::string>& features) {
  const pack::Geometry& g = layer.geometry;
  const int64_t common = std::gcd(g.stride[2], g.dilation[2]);
  const bool broadcast = g.GroupOutputs() % layer.kernels->lanes == 0;
  for (const pack::Panel& panel : layer.panels) {
    const Quads quads = layer.RotatesQuads(panel) ? Quads::kRotated
                        : broadcast               ? Quads::kBroadcast
                                                  : Quads::kShuffled;
    for (const std::string& way : test::WaysOf(layer, panel)) {
      features.insert(GroupName(quads, "stride " + Text(g.stride[2] / common) + ", " + way));
    }
    features.insert(GroupName(quads, "depth groups " + Text(layer.spread.depth_groups)));
    if (panel.columns < layer.kernels->shapes[panel.shape].columns) {
      features.insert(GroupName(quads, "idle lanes"));
    }
  }
  if (g.dilation[2] > common) features.insert("group phases");
  if (g.dilation[2] == common && common > 1) features.insert("group phase of many");
  if (plan.blocks() > 1) features.insert("group blocks");
  if (plan.LargestRectangle().height() > 1) features.insert("group rows");
  if (plan.LargestRectangle().rows() > kMaxBlockRows) features.insert("group long rows");
  if (layer.panels.size() > 1) features.insert("group panels");
  if (g.in_channels % kernels::kGroupBytes != 0) features.insert("group channels");
  features.insert("group kernel rows " + Text(std::min<int64_t>(g.kernel[1], 5)));
}

std::string SharingName(int64_t rows, int64_t columns, bool together) {
  return "sharing " + Text(rows) + "x" + Text(columns) + (together ? ", together" : "");
}

void AddSpreadFeatures(const pack::PackedLayer& layer, const ImagePlan& plan,
                       std::set<std::string>& features) {
  const pack::SpreadLayout& spread = layer.spread;
  features.insert("quads " + Text(spread.quad_h) + "x" + Text(spread.quad_w));
  features.insert(SharingName(spread.output_rows, spread.output_columns, spread.together));
  if (spread.column_step > 1) features.insert("sharing columns apart");
  if (spread.together) {
    const pack::Dims outputs = plan.LargestRectangle().extents();
    const int64_t shared = spread.output_columns > 1 ? outputs[2] : outputs[1];
    if (shared < spread.Sharing()) features.insert("none together");
    if (shared % spread.Sharing() != 0) features.insert("some not together");
  }
  features.insert("depth groups " + Text(spread.depth_groups));
  features.insert("parts " + Text(layer.weight_parts));
  features.merge(test::WaysOf(layer));
  for (const pack::Panel& panel : layer.panels) {
    const int vectors = layer.kernels->shapes[panel.shape].vectors;
    features.insert(std::string(FormName(panel.spread_form)) + ", vectors " + Text(vectors));
  }
  if (plan.blocks() > 1) features.insert("several blocks");
  const pack::Dims tile = plan.LargestRectangle().extents();
  if (pack::SpreadBytes(layer, tile) > kCopyBytes) features.insert("beyond the stack");
  for (size_t i = 0; i < 3; ++i) {
    const pack::SpreadAxis axis = pack::MakeSpreadAxis(spread.steps[i], tile[i]);
    if (axis.phases > 1) features.insert(std::string("in phases: ") + "dhw"[i]);
  }
  if (layer.groups_in_place) features.insert("no groups in place: narrow");
  if (pack::ReadsGroupsInPlace(layer.geometry, *layer.kernels) && !layer.groups_in_place) {
    features.insert("no groups in place: zero points");
  }
  if (pack::ChooseSlideForm(layer.geometry, *layer.kernels) == pack::kNoSlide) return;
  features.insert(layer.weight_parts > 1 ? "no slide: parts" : "no slide: narrow");
}

// What there is to exercise: "taps, 4 vectors", "quads 2x2", "parts 3", "w in phases", ...
void AddFeatures(const cases::Case& c, const std::string& isa, std::set<std::string>& features) {
  const pack::PackedLayer layer =
      BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {c.activation, isa});
  if (layer.feed != pack::Feed::kLanes) {
    if (pack::PrefersLanes(layer.geometry, *layer.kernels)) features.insert("fallen back");
    return;
  }
  const pack::Dims input = ValidateImage(layer.geometry, c.layer.image);
  const ImagePlan plan(layer, c.layer.image.batch, input, OutputSize(layer.geometry, input), 1);
  const auto add = !plan.in_place()        ? AddSpreadFeatures
                   : layer.groups_in_place ? AddGroupFeatures
                                           : AddSlideFeatures;
  add(layer, plan, features);
}

std::set<std::string> WantedSlides(const kernels::KernelTable& table) {
  std::set<std::string> wanted;
  for (int form = 0; form < kernels::kSlideFormCount; ++form) {
    for (int i = 0; i < table.shape_count; ++i) {
      if (table.shapes[i].lanes.slides[form] == nullptr) continue;
      for (const std::string& way : test::AllWays(table, /*with_row_terms=*/false)) {
        wanted.insert(SlideName(form, table.shapes[i].vectors) + ", " + way);
      }
    }
  }
  if (wanted.empty()) return wanted;
  wanted.merge(std::set<std::string>{"slide rows 1", "slide rows 2", "slide rows apart",
                                     "slide rows of few taps", "slide phases", "slide blocks",
                                     "slide long rows", "no slide: narrow"});
  if (table.weight_format == kernels::WeightFormat::kS8Quads) wanted.insert("no slide: parts");
  return wanted;
}

std::set<std::string> WantedGroups(const kernels::KernelTable& table) {
  if (table.rotated_depth == 0) return {};
  std::set<std::string> wanted = {"group phases",
                                  "group phase of many",
                                  "group blocks",
                                  "group rows",
                                  "group long rows",
                                  "group panels",
                                  "group channels",
                                  GroupName(Quads::kRotated, "idle lanes"),
                                  "no groups in place: zero points"};
  for (int64_t rows = 1; rows <= 5; ++rows) wanted.insert("group kernel rows " + Text(rows));
  if (table.group_depth > 0) {
    wanted.merge(std::set<std::string>{GroupName(Quads::kShuffled, "idle lanes"),
                                       "no groups in place: narrow"});
  }
  const struct {
    Quads quads;
    int64_t strides;
    int most;
    std::vector<int64_t> depth_groups;
  } all[] = {{Quads::kShuffled, kernels::kGroupStrides, table.group_depth, {1, 2}},
             {Quads::kBroadcast, kernels::kGroupTaps - 1, table.group_depth, {2, 3, 4, 5, 6, 7, 8}},
             {Quads::kRotated, kernels::kGroupStrides, table.rotated_depth, {1, 2, 4}}};
  for (const auto& [quads, strides, most, depths] : all) {
    if (depths[0] > most) continue;
    for (int64_t stride = 1; stride <= strides; ++stride) {
      for (const std::string& way : test::AllWays(table, /*with_row_terms=*/false)) {
        wanted.insert(GroupName(quads, "stride " + Text(stride) + ", " + way));
      }
    }
    for (const int64_t depth : depths) {
      if (depth <= most) wanted.insert(GroupName(quads, "depth groups " + Text(depth)));
    }
  }
  return wanted;
}

std::set<std::string> WantedFeatures(const kernels::KernelTable& table) {
  std::set<std::string> wanted = {
      "fallen back",    "quads 1x1",        "quads 1x4",      "quads 2x2",      "quads 4x1",
      "depth groups 1", "depth groups 2",   "depth groups 3", "depth groups 4", "parts 1",
      "several blocks", "beyond the stack", "in phases: d",   "in phases: h",   "in phases: w"};
  wanted.insert("sharing columns apart");
  for (int64_t sharing = 1; sharing <= kernels::kMaxSharing; ++sharing) {
    wanted.insert(SharingName(sharing, 1, false));
    wanted.insert(SharingName(1, sharing, false));
    if (!table.shares_lanes || (sharing != 2 && sharing != 4)) continue;
    wanted.insert(SharingName(sharing, 1, true));
    wanted.insert(SharingName(1, sharing, true));
    wanted.merge(std::set<std::string>{"none together", "some not together"});
  }
  // Wider weights take any zero point that lanes take.
  if (table.weight_format == kernels::WeightFormat::kS8Quads)
    wanted.merge(std::set<std::string>{"parts 2", "parts 3"});
  for (int i = 0; i < table.shape_count; ++i) {
    const kernels::PanelShape& shape = table.shapes[i];
    for (int form = 0; form < kernels::kSpreadForms; ++form) {
      if (shape.lanes.spread[form] == nullptr) continue;
      wanted.insert(std::string(FormName(static_cast<kernels::SpreadForm>(form))) + ", vectors " +
                    Text(shape.vectors));
    }
  }
  wanted.merge(test::AllWays(table, /*with_row_terms=*/false));
  wanted.merge(WantedSlides(table));
  wanted.merge(WantedGroups(table));
  return wanted;
}

class LaneFeatures : public testing::TestWithParam<std::string> {};

TEST_P(LaneFeatures, AreAllExercised) {
  std::set<std::string> features;
  for (const test::LaneFamily& family : test::LaneFamilies()) {
    test::ForEachLaneCase(family,
                          [&](const cases::Case& c) { AddFeatures(c, GetParam(), features); });
  }
  const std::set<std::string> wanted = WantedFeatures(dispatch::SelectKernels(GetParam()));
  std::set<std::string> missing, unknown;
  std::set_difference(wanted.begin(), wanted.end(), features.begin(), features.end(),
                      std::inserter(missing, missing.end()));
  std::set_difference(features.begin(), features.end(), wanted.begin(), wanted.end(),
                      std::inserter(unknown, unknown.end()));
  EXPECT_EQ(missing, std::set<std::string>());
  EXPECT_EQ(unknown, std::set<std::string>());
}

// Not under sanitizers: what is packed here, tests of the layers pack too.
INSTANTIATE_TEST_SUITE_P(Slow, LaneFeatures, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
