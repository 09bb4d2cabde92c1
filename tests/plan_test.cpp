// Tiling: every output pixel is computed exactly once, with exactly the taps that lie in the image.
#include "plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/case.h"
#include "layer.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::Dims;
using pack::Piece;

pack::PackedLayer Pack(const cases::Case& c, const std::string& isa = "") {
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = isa});
}

// Which taps of dimension `i` read inside the image at output position `o`.
std::vector<int64_t> TapsInside(const pack::Geometry& g, int i, int64_t input, int64_t o) {
  std::vector<int64_t> taps;
  for (int64_t t = 0; t < g.kernel[i]; ++t) {
    const int64_t at = o * g.stride[i] - g.padding[i] + t * g.dilation[i];
    if (at >= 0 && at < input) taps.push_back(t);
  }
  return taps;
}

// A segment's taps hold for all its positions: all that lie inside, and none outside unless copied.
void CheckSegment(const pack::Geometry& g, int i, int64_t input, const pack::Segment& segment,
                  bool pads) {
  for (int64_t o = segment.begin; o < segment.end; o += segment.step) {
    const std::vector<int64_t> inside = TapsInside(g, i, input, o);
    const int64_t taps = segment.tap_end - segment.tap_begin;
    if (segment.copied || pads) {
      EXPECT_GE(segment.tap_begin, 0);
      EXPECT_LE(segment.tap_end, g.kernel[i]);
      if (!inside.empty()) {
        EXPECT_LE(segment.tap_begin, inside.front());
        EXPECT_GT(segment.tap_end, inside.back());
      }
    } else {
      ASSERT_EQ(taps, static_cast<int64_t>(inside.size())) << "dimension " << i << ", at " << o;
      if (taps > 0) {
        EXPECT_EQ(segment.tap_begin, inside.front());
      }
    }
  }
}

int64_t Offset(const Dims& size, const Piece& piece, int64_t p) {
  const pack::Segment *d = piece.segment, *h = d + 1, *w = d + 2;
  const int64_t z = d->begin + p / w->size() / h->size() * d->step;
  const int64_t y = h->begin + p / w->size() % h->size() * h->step;
  const int64_t x = w->begin + p % w->size() * w->step;
  return (z * size[1] + y) * size[2] + x;
}

void CheckPlan(const cases::Case& c, int threads, const std::string& isa = "") {
  const pack::PackedLayer layer = Pack(c, isa);
  const pack::Geometry& g = layer.geometry;
  const Dims input = ValidateImage(g, c.layer.image);
  const ImagePlan plan(layer, c.layer.image.batch, input, OutputSize(g, input), threads);
  const Dims& output = plan.output();
  std::vector<int> times(static_cast<size_t>(output[0] * output[1] * output[2]));
  for (int64_t b = 0; b < plan.blocks(); ++b) {
    Piece pieces[kMaxPieces];
    const int count = plan.PiecesOf(b, pieces);
    ASSERT_GE(count, 1);
    int64_t rows = 0, copied = 0, copy_bytes = 0;
    for (int i = 0; i < count; ++i) {
      rows += pieces[i].rows();
      if (pieces[i].copied()) {
        copied += pieces[i].rows();
        EXPECT_GE(pack::CopyBytes(layer, pieces[i]), 0);
        copy_bytes += pack::CopyBytes(layer, pieces[i]);
      }
      for (int d = 0; d < 3; ++d)
        CheckSegment(g, d, plan.input()[d], pieces[i].segment[d], plan.pads());
      for (int64_t p = pieces[i].begin; p < pieces[i].end; ++p) {
        ++times[static_cast<size_t>(Offset(output, pieces[i], p))];
      }
    }
    if (plan.in_place()) continue;  // takes no room for rows or copies
    EXPECT_LE(rows, kMaxBlockRows);
    EXPECT_TRUE(copy_bytes <= kCopyBytes || copied == 1);
  }
  EXPECT_EQ(std::count(times.begin(), times.end(), 1), static_cast<int64_t>(times.size()));
}

TEST(Plan, CoversEachOutputOnce) {
  const std::vector<std::string> isas = test::UsableIsas();
  std::set<pack::Feed> feeds;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const std::string& isa = isas[seed % isas.size()];
    SCOPED_TRACE(isa + " " + std::to_string(seed));
    const cases::Case c = cases::RandomCase(seed);
    CheckPlan(c, /*threads=*/1 + static_cast<int>(seed / isas.size() % 5), isa);
    feeds.insert(Pack(c, isa).feed);
  }
  EXPECT_EQ(feeds.size(), 5u) << "the random layers do not exercise every feed";
}

cases::Case MakeCase(ConvParams params, Image image) {
  return cases::MakeCase(test::MakeLayer(params, image), cases::Weights::kUniform, 1);
}

TEST(Plan, CoversLargeImages) {
  const struct {
    ConvParams params;
    Image image;
  } layers[] = {
      {{.in_channels = 8, .out_channels = 8, .kernel = {3, 3}, .padding = {1, 1}},
       {.size = {57, 113}}},
      {{.in_channels = 3, .out_channels = 8, .kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}},
       {.size = {97, 101}}},
      {{.in_channels = 8,
        .out_channels = 4,
        .kernel = {3, 3},
        .dilation = {12, 36},
        .padding = {12, 36}},
       {.size = {65, 65}}},
      {{.in_channels = 4, .out_channels = 4, .kernel = {33}, .padding = {16}}, {.size = {200}}},
      {{.in_channels = 128, .out_channels = 4, .kernel = {33}, .dilation = {2}, .padding = {32}},
       {.size = {200}}},
      {{.in_channels = 128, .out_channels = 4, .kernel = {1, 11}, .padding = {0, 5}},
       {.size = {30, 30}}},
      {{.in_channels = 64, .out_channels = 4, .kernel = {10}, .dilation = {200}, .padding = {900}},
       {.size = {1000}}},
      {{.in_channels = 512, .out_channels = 4, .kernel = {5}, .dilation = {100}, .padding = {400}},
       {.size = {10}}},
      {{.in_channels = 2001,
        .out_channels = 2,
        .kernel = {3, 3},
        .stride = {1, 7},
        .dilation = {1, 2}},
       {.size = {3, 33}}},
      {{.in_channels = 6, .out_channels = 4, .kernel = {11, 11}, .padding = {20, 5}},
       {.size = {30, 30}}},
      {{.in_channels = 4,
        .out_channels = 4,
        .kernel = {3, 3, 3},
        .stride = {1, 2, 2},
        .padding = {1, 1, 1}},
       {.size = {9, 19, 31}}},
  };
  for (const auto& layer : layers) {
    for (const int threads : {1, 2, 16}) CheckPlan(MakeCase(layer.params, layer.image), threads);
  }
}

// What is gathered for a block fits the scratch: deep windows, far apart, beyond the image.
TEST(Plan, CoversWildShapes) {
  std::mt19937 random(1);
  const auto draw = [&](std::initializer_list<int64_t> values) {
    return values.begin()[random() % values.size()];
  };
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    const bool rows = random() % 2 == 0;
    const int64_t taps = draw({2, 3, 5, 9, 11, 16}), dilation = draw({1, 1, 2, 3, 40, 200});
    const int64_t groups = draw({1, 1, 2}), extent = dilation * (taps - 1) + 1;
    ConvParams params = {.in_channels = groups * draw({3, 8, 64, 129, 515, 1000, 2001}),
                         .out_channels = groups,
                         .groups = groups,
                         .kernel = {rows ? 2 : 1, taps},
                         .stride = {1, draw({1, 1, 2, 3, 7, 21, 30})},
                         .dilation = {1, dilation},
                         .padding = {0, draw({0, 1, extent / 2, extent - 1})}};
    const int64_t width = draw({1, 10, 33, 150}) + extent - std::min(extent, params.padding[1]);
    CheckPlan(MakeCase(params, {.size = {draw({2, 3, 9}), width}}), /*threads=*/1);
  }
}

// First layers gather whole output rows, or equal parts of one: their blocks share a table of rows.
TEST(Plan, BlocksOfFirstLayersAreWholeRows) {
  for (const int64_t width : {15, 112, 239, 256, 479, 480, 720, 960}) {
    const cases::Case c = MakeCase({.in_channels = 3,
                                    .out_channels = 8,
                                    .kernel = {3, 3},
                                    .stride = {2, 2},
                                    .padding = {1, 1}},
                                   {.size = {64, 2 * width}});
    CheckPlan(c, /*threads=*/1);
    const pack::PackedLayer layer = Pack(c);
    const Dims input = ValidateImage(layer.geometry, c.layer.image);
    const Dims output = OutputSize(layer.geometry, input);
    const ImagePlan plan(layer, 1, input, output, /*threads=*/1);
    const pack::RunRows rows(layer, plan.LargestRectangle(), plan.most_rows(), input, output,
                             plan.pads());
    for (int64_t b = 0; b < plan.blocks(); ++b) {
      Piece pieces[kMaxPieces];
      const int count = plan.PiecesOf(b, pieces);
      for (int i = 0; i < count; ++i) {
        EXPECT_TRUE(pieces[i].copied());
        EXPECT_NE(rows.Of(pieces[i]), nullptr) << "width " << width << ", block " << b;
      }
    }
  }
}

// The pieces of the first block, if they read a padded copy; else 0.
int PaddedPieces(const ConvParams& params, const Image& image) {
  const cases::Case c = MakeCase(params, image);
  CheckPlan(c, /*threads=*/1);
  const pack::PackedLayer layer = Pack(c);
  const Dims input = ValidateImage(layer.geometry, c.layer.image);
  const ImagePlan plan(layer, 1, input, OutputSize(layer.geometry, input), /*threads=*/1);
  Piece pieces[kMaxPieces];
  return plan.pads() ? plan.PiecesOf(0, pieces) : 0;
}

bool Pads(const ConvParams& params, const Image& image) { return PaddedPieces(params, image) > 0; }

// Small images of groups of few channels, small images under kernels of many taps, and those whose
// edges leave little.
TEST(Plan, PadsWhereEdgesTakeLonger) {
  ConvParams params = {
      .in_channels = 128, .out_channels = 128, .groups = 4, .kernel = {5, 5}, .padding = {2, 2}};
  EXPECT_TRUE(Pads(params, {.size = {7, 7}}));
  EXPECT_FALSE(Pads(params, {.size = {17, 17}})) << "more than a block";
  params = {.in_channels = 256, .out_channels = 256, .kernel = {3, 3}, .padding = {1, 1}};
  EXPECT_EQ(PaddedPieces(params, {.size = {7, 7}}) % 3, 0) << "no copy, or rows with the same taps";
  params.in_channels = 512;
  params.kernel = {5, 5};
  params.padding = {2, 2};
  const bool tall = Pack(MakeCase(params, {.size = {5, 5}})).kernels->shapes[0].rows > 1;
  EXPECT_EQ(PaddedPieces(params, {.size = {5, 5}}), tall ? 5 : 0)
      << "not 25 of a pixel; rows skip taps above and below";
  params = {.in_channels = 64, .out_channels = 256, .kernel = {5, 3}, .padding = {2, 1}};
  EXPECT_EQ(PaddedPieces(params, {.size = {1, 3}}), 1) << "a row, one of five taps in h";
  params = {.in_channels = 32, .out_channels = 256, .kernel = {3, 3}, .padding = {1, 1}};
  EXPECT_EQ(PaddedPieces(params, {.size = {3, 3}}), 1) << "few channels: a single piece";
  params = {.in_channels = 96, .out_channels = 96, .groups = 2, .kernel = {128}, .padding = {64}};
  EXPECT_TRUE(Pads(params, {.size = {49}}));
  EXPECT_FALSE(Pads(params, {.size = {499}})) << "more than a block";
}

}  // namespace
}  // namespace qconv
