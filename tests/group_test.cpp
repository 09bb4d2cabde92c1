// Narrow groups in place: which layers are computed this way, and in which panels.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "in_place.h"
#include "layer.h"
#include "pack/group_panels.h"
#include "pack/integers.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::kGroupBytes;
using pack::Geometry;

// Whether groups of these are 4, 8 or 16 channels each, and `percent` of the lanes of vectors of
// channels are in use, which all are in.
bool FitsRotation(const Geometry& g, const KernelTable& table, double percent) {
  const int64_t inputs = g.GroupInputs();
  const int64_t lanes = pack::RoundUp(g.in_channels, 4 * table.lanes);
  return (inputs == 4 || inputs == 8 || inputs == 16) && g.GroupOutputs() == inputs &&
         inputs / 4 <= table.rotated_depth &&
         static_cast<double>(g.in_channels) >= static_cast<double>(lanes) * percent / 100;
}

// Whether the lanes of each vector of outputs find their channels in 16 bytes, or, in groups that
// fill a vector or two, all in the same depth groups, of which there are several.
bool FitsVectors(const Geometry& g, const KernelTable& table) {
  const int lanes = table.lanes;
  bool near = true, same = g.GroupInputs() % kDepthGroup == 0;
  for (int64_t begin = 0; begin < g.out_channels; begin += lanes) {
    const int64_t end = std::min(begin + lanes, g.out_channels);
    for (int64_t out = begin; out < end; ++out) {
      const int64_t first = begin / g.GroupOutputs() * g.GroupInputs();
      const int64_t last = (out / g.GroupOutputs() + 1) * g.GroupInputs();
      near = near && last - first <= kGroupBytes;
      same = same && last - first == g.GroupInputs();
    }
  }
  if (g.GroupOutputs() < lanes) return near;
  return same && g.GroupInputs() > 4 && g.GroupOutputs() <= 2 * lanes &&
         table.weight_format == kernels::WeightFormat::kS8Quads;
}

ConvParams Grouped(int64_t groups, int64_t inputs, int64_t outputs, const Spatial& kernel) {
  return {.in_channels = groups * inputs,
          .out_channels = groups * outputs,
          .groups = groups,
          .kernel = kernel};
}

TEST(ReadsGroupsInPlace, TakesGroupsThatFitAVector) {
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    int64_t in_place = 0;
    for (int64_t inputs = 1; inputs <= 20; ++inputs) {
      const bool narrow = inputs > 1 && pack::CeilDiv(inputs, kDepthGroup) <= table.group_depth;
      for (int64_t outputs = 1; outputs <= 50; ++outputs) {
        for (const int64_t groups : {1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 29}) {
          for (const int64_t stride : {1, 3}) {
            ConvParams params = Grouped(groups, inputs, outputs, {3, 3});
            params.stride = {1, stride};
            const Geometry g = ValidateParams(params);
            const bool pays = stride < 3 || (outputs < 2 * inputs && outputs < table.lanes);
            // Winograd's algorithm has groups of 8 and more of stride 1.
            const double percent = stride == 1 && inputs > 4 ? 93.75 : 75;
            const bool rotates = FitsRotation(g, table, narrow ? 100 : percent);
            const bool expected =
                groups > 1 && ((narrow && pays && FitsVectors(g, table)) || rotates);
            EXPECT_EQ(pack::ReadsGroupsInPlace(g, table), expected)
                << isa << ", " << groups << " groups of " << inputs << " -> " << outputs;
            in_place += expected && stride == 1 ? 1 : 0;
          }
        }
      }
    }
    EXPECT_EQ(in_place > 100, table.group_depth > 0) << isa;
    EXPECT_EQ(in_place > 1, table.rotated_depth > 0) << isa;
  }
}

// Whole panels, and of what is left three vectors of 4 or 8 channels a group and more, or all where
// these have no other kernels.
TEST(ChooseGroupPanels, RotatesPanelsThatAreNearlyFull) {
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    int64_t partial = 0;
    for (const int64_t inputs : {4, 8, 16}) {
      for (int64_t groups = 2; groups <= 40; ++groups) {
        const Geometry g = ValidateParams(Grouped(groups, inputs, inputs, {3, 3}));
        if (!pack::ReadsGroupsInPlace(g, table)) continue;
        const int64_t wide = 4 * table.lanes, channels = groups * inputs, left = channels % wide;
        int64_t rotated = inputs / 4 <= table.rotated_depth ? channels / wide : 0;
        const bool others = inputs / 4 <= table.group_depth;
        if (!others || (left > 2 * table.lanes && inputs < 16)) {
          rotated += left > 0 ? 1 : 0;
          partial += left > 0 ? 1 : 0;
        }
        const std::vector<int> panels = pack::ChooseGroupPanels(g, table);
        const int64_t rest = std::max<int64_t>(channels - rotated * wide, 0);
        ASSERT_EQ(std::ssize(panels) - rotated, pack::CeilDiv(rest, table.lanes)) << isa;
        for (int64_t i = 0; i < std::ssize(panels); ++i) {
          const int shape = panels[static_cast<size_t>(i)];
          EXPECT_EQ(table.shapes[shape].vectors, i < rotated ? 4 : 1) << isa;
        }
      }
    }
    EXPECT_EQ(partial > 5, table.rotated_depth > 0) << isa << " " << partial;
  }
}

TEST(ReadsGroupsInPlace, TakesKernelsOfThreeColumns) {
  const struct {
    Spatial kernel, stride, dilation;
    bool in_place;
  } cases[] = {
      {{1, 3}, {1, 1}, {1, 1}, true},
      {{2, 3}, {1, 1}, {1, 1}, true},
      {{3, 3}, {1, 1}, {1, 1}, true},
      {{4, 3}, {1, 1}, {1, 1}, true},
      {{100, 3}, {1, 1}, {1, 1}, true},
      {{2000, 3}, {1, 1}, {1, 1}, false},
      {{3, 1}, {1, 1}, {1, 1}, false},
      {{3, 2}, {1, 1}, {1, 1}, false},
      {{3, 4}, {1, 1}, {1, 1}, false},
      {{5, 5}, {1, 1}, {1, 1}, false},
      {{3, 3}, {2, 2}, {1, 1}, true},
      {{3, 3}, {7, 2}, {1, 1}, true},
      {{3, 3}, {1, 3}, {1, 1}, true},
      {{3, 3}, {1, 4}, {1, 1}, false},
      {{3, 3}, {3, 1}, {1, 1}, true},
      {{3, 3}, {1, 1}, {2, 5}, true},
      {{3, 3}, {2, 2}, {2, 2}, true},
      {{3, 3}, {2, 2}, {3, 3}, true},
      {{3, 3}, {3, 3}, {3, 3}, true},
      {{3, 3}, {4, 4}, {2, 2}, true},
      {{3, 3}, {4, 4}, {1, 1}, false},
      {{3, 3}, {6, 6}, {3, 3}, true},
      {{3, 3}, {6, 6}, {4, 4}, true},
      {{3, 3}, {3, 3}, {2, 2}, true},
      {{3, 3}, {8, 8}, {2, 2}, false},
      {{3}, {1}, {1}, true},
      {{3}, {2}, {3}, true},
      {{5}, {1}, {1}, false},
      {{1, 3, 3}, {2, 1, 2}, {1, 1, 1}, true},
      {{2, 3, 3}, {1, 1, 1}, {1, 1, 1}, false},
      {{3, 1, 3}, {1, 1, 1}, {1, 1, 1}, false},
      {{1, 1, 3}, {1, 1, 1}, {1, 1, 2}, true},
  };
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    for (const auto& c : cases) {
      ConvParams params = Grouped(16, 4, 4, c.kernel);
      params.stride = c.stride;
      params.dilation = c.dilation;
      EXPECT_EQ(pack::ReadsGroupsInPlace(ValidateParams(params), table),
                table.rotated_depth > 0 && c.in_place)
          << isa << ", case " << &c - cases;
    }
  }
}

pack::PackedLayer Pack(const ConvParams& params, const std::vector<int32_t>& zero_points,
                       const std::string& isa) {
  cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = {4, 4}}),
                                  cases::Weights::kUniform, /*seed=*/1);
  c.weight_zero_points = zero_points;
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = isa});
}

TEST(GroupsInPlace, HaveNoWeightZeroPoints) {
  const ConvParams params = Grouped(16, 4, 4, {3, 3});
  std::vector<int32_t> last(64);
  for (const std::string& isa : test::UsableIsas()) {
    const bool can = dispatch::SelectKernels(isa).rotated_depth > 0;
    last.back() = 0;
    for (const auto& zero_points : {std::vector<int32_t>{}, {0}, last}) {
      const pack::PackedLayer layer = Pack(params, zero_points, isa);
      EXPECT_EQ(layer.groups_in_place, can) << isa;
      EXPECT_TRUE(!can || layer.feed == pack::Feed::kLanes) << isa;
    }
    for (const int32_t zero_point : {1, -1, 127, -128, 128, 1000}) {
      last.back() = zero_point;
      EXPECT_EQ(Pack(params, {zero_point}, isa).groups_in_place, false) << isa;
      EXPECT_EQ(Pack(params, last, isa).groups_in_place, false) << isa;
    }
  }
}

// Kernels read 16 bytes at once, of a row of the image at least.
TEST(GroupsInPlace, TakeImagesThatAreWideEnough) {
  for (const std::string& isa : test::UsableIsas()) {
    for (const int64_t groups : {2, 3, 5, 8}) {
      for (const int64_t inputs : {2, 3, 4}) {
        const pack::PackedLayer layer = Pack(Grouped(groups, inputs, 5, {3, 3}), {}, isa);
        for (int64_t width = 1; width <= 9; ++width) {
          const bool wide = width * groups * inputs >= kGroupBytes;
          EXPECT_EQ(ReadsInPlace(layer, {1, 4, width}, {1, 4, width}),
                    layer.groups_in_place && wide)
              << isa << ", " << groups << " groups of " << inputs << ", width " << width;
        }
      }
    }
  }
}

}  // namespace
}  // namespace qconv
