// How lane layers are laid out: positions of spread input, shapes of quads, tiles of the image.
#include "pack/lane_feed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "dispatch/registry.h"
#include "lane_layers.h"
#include "lane_tile.h"
#include "layer.h"
#include "pack/layout.h"
#include "pack/spread_layout.h"
#include "panel_numbers.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::Dims;
using pack::SpreadAxis;
using pack::SpreadLayout;

void CheckAxis(int64_t outputs, int64_t stride, int64_t taps, int64_t distance) {
  SCOPED_TRACE(testing::Message() << outputs << " outputs, stride " << stride << ", " << taps
                                  << " taps, distance " << distance);
  const pack::SpreadSteps steps = pack::MakeSpreadSteps(stride, /*sharing=*/1, taps, distance);
  const SpreadAxis axis = pack::MakeSpreadAxis(steps, outputs);
  ASSERT_LE(axis.positions(), outputs * taps) << "more than if each tap had its own";
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t index = o * axis.output_step + t * axis.tap_step;
      ASSERT_GE(index, 0);
      ASSERT_LT(index, axis.positions());
      const int64_t input = index % axis.phases * axis.phase_step + index / axis.phases * axis.step;
      ASSERT_EQ(input, o * stride + t * distance) << "output " << o << ", tap " << t;
    }
  }
}

TEST(SpreadAxis, PutsEachTapWhereItsInputIs) {
  for (int64_t outputs = 1; outputs <= 6; ++outputs) {
    for (int64_t stride = 1; stride <= 5; ++stride) {
      for (int64_t taps = 1; taps <= 4; ++taps) {
        for (int64_t distance = 1; distance <= 13; ++distance) {
          CheckAxis(outputs, stride, taps, distance);
        }
      }
    }
  }
}

TEST(SpreadAxis, PutsEachTapWhereItsInputIsRandomly) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000 && !HasFatalFailure(); ++i) {
    const int outputs = test::Draw(random, 1, 480), stride = test::Draw(random, 1, 40);
    const int taps = test::Draw(random, 1, 40), distance = test::Draw(random, 1, 150);
    CheckAxis(outputs, stride, taps, distance);
  }
}

TEST(SpreadAxis, SharesPositionsWhereItCan) {
  const SpreadAxis shared =
      pack::MakeSpreadAxis(pack::MakeSpreadSteps(/*stride=*/1, 1, /*taps=*/3, 1), /*outputs=*/10);
  EXPECT_EQ(shared.phases, 1);
  EXPECT_EQ(shared.positions(), 12);
  const SpreadAxis phases =
      pack::MakeSpreadAxis(pack::MakeSpreadSteps(/*stride=*/7, 1, /*taps=*/2, 4), /*outputs=*/3);
  EXPECT_EQ(phases.phases, 2);
  EXPECT_EQ(phases.positions(), 6);
}

TEST(SpreadAxis, LargestExtentIsTheLargest) {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    const pack::SpreadSteps steps =
        pack::MakeSpreadSteps(test::Draw(random, 1, 12), test::Draw(random, 1, 4),
                              test::Draw(random, 1, 12), test::Draw(random, 1, 30));
    const int64_t room = test::Draw(random, 1, 300);
    const int64_t extent = pack::LargestExtent(steps, room);
    ASSERT_EQ(extent % steps.sharing, 0);
    if (extent > 0) {
      ASSERT_LE(pack::MakeSpreadAxis(steps, extent).positions(), room);
    }
    ASSERT_GT(pack::MakeSpreadAxis(steps, extent + 1).positions(), room);
  }
}

// On an ISA of 512 bits whose kernels compute outputs that share positions together, or on one
// without.
SpreadLayout LayoutOf(const ConvParams& params, bool shares_lanes) {
  kernels::KernelTable table = dispatch::SelectKernels("scalar");
  table.lanes = 16;
  table.shares_lanes = shares_lanes;
  return pack::MakeSpreadLayout(ValidateParams(params), table);
}

void ExpectLayout(const SpreadLayout& spread, int64_t quad_h, int64_t quad_w, int64_t output_rows,
                  int64_t output_columns, bool together) {
  EXPECT_EQ(spread.quad_h, quad_h);
  EXPECT_EQ(spread.quad_w, quad_w);
  EXPECT_EQ(spread.output_rows, output_rows);
  EXPECT_EQ(spread.output_columns, output_columns);
  EXPECT_EQ(spread.together, together);
  EXPECT_EQ(spread.depth_groups, 1);
}

void ExpectQuads(const ConvParams& params, int64_t quad_h, int64_t quad_w, int64_t output_rows,
                 int64_t output_columns) {
  for (const bool shares_lanes : {false, true}) {
    ExpectLayout(LayoutOf(params, shares_lanes), quad_h, quad_w, output_rows, output_columns,
                 /*together=*/false);
  }
}

ConvParams Depthwise(const Spatial& kernel, const Spatial& stride) {
  return {.in_channels = 32, .out_channels = 32, .groups = 32, .kernel = kernel, .stride = stride};
}

TEST(SpreadLayout, ChoosesQuads) {
  ExpectQuads(Depthwise({3, 3}, {1, 1}), 4, 1, 2, 1);
  ExpectQuads(Depthwise({5, 5}, {1, 1}), 4, 1, 4, 1);
  ExpectQuads(Depthwise({3, 3}, {2, 2}), 2, 2, 1, 1);
  ExpectQuads(Depthwise({5, 5}, {2, 2}), 2, 2, 1, 1);
  ExpectQuads(Depthwise({4}, {2}), 1, 4, 1, 2);
  ExpectQuads(Depthwise({33}, {1}), 1, 4, 1, 4);
  ExpectQuads(Depthwise({1, 5}, {1, 1}), 1, 4, 1, 4);
  ConvParams dilated = Depthwise({13}, {1});
  dilated.dilation = {3};
  ExpectQuads(dilated, 1, 4, 1, 4);
  dilated.stride = {2};
  ExpectQuads(dilated, 1, 4, 1, 1);
}

// Where many products make up for keeping their sums.
TEST(SpreadLayout, SumsOutputsTogether) {
  ExpectLayout(LayoutOf(Depthwise({75}, {1}), true), 1, 4, 1, 4, true);
  ExpectLayout(LayoutOf(Depthwise({75}, {1}), false), 1, 4, 1, 4, false);
  ExpectLayout(LayoutOf(Depthwise({75}, {2}), true), 1, 4, 1, 2, true);
  ExpectLayout(LayoutOf(Depthwise({7, 7}, {1, 1}), true), 4, 1, 2, 1, true);
  ExpectLayout(LayoutOf(Depthwise({7, 7}, {1, 1}), false), 4, 1, 2, 1, false);
  ExpectLayout(LayoutOf(Depthwise({9, 9}, {1, 1}), true), 4, 1, 4, 1, true);
}

TEST(SpreadLayout, TakesChannelsOfGroups) {
  for (int64_t inputs = 2; inputs <= 12; ++inputs) {
    const SpreadLayout spread =
        LayoutOf({.in_channels = 8 * inputs, .out_channels = 24, .groups = 8, .kernel = {3, 3}},
                 /*shares_lanes=*/true);
    EXPECT_EQ(spread.form, kernels::SpreadForm::kChannels);
    EXPECT_EQ(spread.quad_h * spread.quad_w, 1);
    EXPECT_EQ(spread.Sharing(), 1);
    EXPECT_EQ(spread.depth_groups, (inputs + 3) / 4);
  }
}

// For each of the outputs that share positions, every tap is in the grid.
TEST(SpreadLayout, GridHoldsTheKernel) {
  for (int64_t h = 1; h <= 12; ++h) {
    for (int64_t w = 1; w <= 12; ++w) {
      for (int64_t stride = 1; stride <= 3; ++stride) {
        const ConvParams params = Depthwise({h, w}, {stride, stride});
        const SpreadLayout spread = LayoutOf(params, /*shares_lanes=*/stride != 2);
        const Dims grid = pack::SpreadGrid(ValidateParams(params), spread);
        EXPECT_EQ(spread.quad_h * spread.quad_w, 4);
        EXPECT_GE(grid[1] * spread.quad_h, h + spread.output_rows - 1);
        EXPECT_GE(grid[2] * spread.quad_w, w + (spread.output_columns - 1) * stride);
        EXPECT_TRUE(spread.output_rows == 1 || stride == 1);
        EXPECT_TRUE(spread.output_rows == 1 || spread.output_columns == 1);
      }
    }
  }
}

void CheckTile(const pack::PackedLayer& layer, const Dims& output, int64_t rows, int64_t bytes) {
  SCOPED_TRACE(testing::Message() << rows << " rows, " << bytes << " bytes");
  const Dims tile = ChooseLaneTile(layer, output, rows, bytes);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GE(tile[i], 1);
    EXPECT_LE(tile[i], output[i]);
  }
  EXPECT_LE(tile[0] * tile[1] * tile[2], rows);
  EXPECT_TRUE(pack::SpreadBytes(layer, tile) <= bytes || tile == (Dims{1, 1, 1}))
      << tile[0] << "x" << tile[1] << "x" << tile[2];
}

void CheckCoverage(const pack::PackedLayer& layer, int64_t batch, const Dims& input,
                   const Dims& output, int threads) {
  const ImagePlan plan(layer, batch, input, output, threads);
  const Dims& size = plan.output();
  std::vector<int> times(static_cast<size_t>(size[0] * size[1] * size[2]));
  for (int64_t block = 0; block < plan.blocks(); ++block) {
    pack::Piece pieces[kMaxPieces];
    ASSERT_EQ(plan.PiecesOf(block, pieces), 1);
    ASSERT_GT(pieces[0].rows(), 0);
    const auto& [d, h, w] = pieces[0].segment;
    for (int64_t z = d.begin; z < d.end; ++z) {
      for (int64_t y = h.begin; y < h.end; y += h.step) {
        for (int64_t x = w.begin; x < w.end; x += w.step) {
          ++times[static_cast<size_t>((z * size[1] + y) * size[2] + x)];
        }
      }
    }
  }
  EXPECT_EQ(std::count(times.begin(), times.end(), 1), static_cast<int64_t>(times.size()));
}

TEST(LaneTile, FitsAndCovers) {
  int64_t lane_layers = 0;
  const auto check = [&](const cases::Case& c, const std::string& isa) {
    SCOPED_TRACE(test::Text(c) + " on " + isa);
    // Packing takes time.
    const pack::Feed feed = pack::ChooseFeed(ValidateParams(c.layer.params),
                                             dispatch::SelectKernels(isa), c.weight_zero_points);
    if (feed != pack::Feed::kLanes) return;
    const pack::PackedLayer layer =
        BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = isa});
    ++lane_layers;
    const Dims input = ValidateImage(layer.geometry, c.layer.image);
    const Dims output = OutputSize(layer.geometry, input);
    for (const int64_t rows : {int64_t{1}, int64_t{24}, kMaxBlockRows}) {
      for (const int64_t bytes : {int64_t{0}, int64_t{3000}, kCopyBytes}) {
        CheckTile(layer, output, rows, bytes);
      }
    }
    for (const int threads : {1, 8}) {
      CheckCoverage(layer, c.layer.image.batch, input, output, threads);
    }
  };
  for (const std::string& isa : test::UsableIsas()) {
    for (const test::LaneFamily& family : test::LaneFamilies()) {
      int index = 0;
      test::ForEachLaneCase(family, [&](const cases::Case& c) {
        if (index++ % 3 == 0) check(c, isa);
      });
    }
  }
  EXPECT_GT(lane_layers, 500);
}

}  // namespace
}  // namespace qconv
