// The depth groups of gathered rows: how many there are, what is in them and where they lie.
#include "pack/strips.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dispatch/registry.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;

Geometry Layer(int64_t channels, const Dims& kernel, const Dims& stride) {
  return {.rank = 3,
          .in_channels = channels,
          .out_channels = 64,
          .groups = 1,
          .kernel = kernel,
          .stride = stride,
          .dilation = {1, 1, 1},
          .padding = {0, 0, 1},
          .padding_end = {}};
}

const kernels::KernelTable& Dots() { return dispatch::SelectKernels("scalar"); }

struct Count {
  int64_t channels;
  Dims kernel, stride;
  int64_t joined_rows, depth_groups;
};

TEST(Strips, JoinAsManyRowsAsFit) {
  const Count counts[] = {
      {3, {1, 3, 3}, {1, 2, 2}, 4, 7},   // 3 rows of 2 and 1 byte
      {3, {1, 3, 3}, {1, 1, 1}, 3, 7},   // pixels 3 bytes apart: so many rows
      {3, {1, 7, 7}, {1, 2, 2}, 4, 37},  // 7 rows of 5 and 1 byte, 4 and 3 joined
      {3, {1, 7, 7}, {1, 1, 1}, 3, 38},
      {3, {1, 6, 6}, {1, 2, 2}, 2, 27},  // 6 rows of 4 and 2 bytes
      {1, {1, 5, 5}, {1, 3, 3}, 3, 7},
      {7, {3, 3, 3}, {1, 1, 1}, 4, 16},  // of a plane
  };
  for (const Count& count : counts) {
    SCOPED_TRACE(testing::Message() << count.channels << " channels, kernel " << count.kernel[1]);
    const Geometry g = Layer(count.channels, count.kernel, count.stride);
    const StripLayout layout = MakeStripLayout(g);
    EXPECT_EQ(layout.joined_rows, count.joined_rows);
    EXPECT_EQ(layout.DepthGroups(), count.depth_groups);
    EXPECT_TRUE(PrefersStrips(g, Dots()));
  }
}

TEST(Strips, AreForShallowRowsThatLeaveRemainders) {
  EXPECT_FALSE(PrefersStrips(Layer(4, {1, 3, 3}, {1, 1, 1}), Dots()));  // no remainder
  EXPECT_FALSE(PrefersStrips(Layer(5, {1, 3, 3}, {1, 1, 1}), Dots()));  // three bytes: no two fit
  EXPECT_FALSE(PrefersStrips(Layer(1, {1, 5, 5}, {1, 1, 1}), Dots()));  // pixels a byte apart
  EXPECT_FALSE(PrefersStrips(Layer(3, {1, 1, 3}, {1, 1, 1}), Dots()));  // one row
  EXPECT_FALSE(PrefersStrips(Layer(3, {1, 3, 3}, {1, 1, 4}), Dots()));  // pixels that share nothing
  Geometry wide = Layer(15, {1, 4, 3}, {1, 4, 3});
  wide.padding = {};
  wide.out_channels = 16;
  EXPECT_FALSE(PrefersStrips(wide, Dots()));                             // much to copy for a pixel
  EXPECT_FALSE(PrefersStrips(Layer(75, {1, 3, 3}, {1, 1, 1}), Dots()));  // deep: little is gained
  EXPECT_FALSE(PrefersStrips(Layer(3, {9, 7, 7}, {1, 2, 2}), Dots()));   // too long a list
}

// Every byte of every kernel row is in one place; the other places have none.
TEST(Strips, HoldEachByteOnce) {
  for (int64_t channels = 1; channels <= 22; ++channels) {
    for (const int64_t taps : {1, 2, 3, 5, 6, 7}) {
      for (const int64_t rows : {1, 2, 3, 5, 7}) {
        for (int64_t stride = 1; stride <= std::min<int64_t>(taps, 3); ++stride) {
          const int64_t row_bytes = taps * channels;
          if (row_bytes % kDepthGroup == 0 || stride * channels > kernels::kJoinBytes) continue;
          const StripLayout layout =
              MakeStripLayout(Layer(channels, {1, rows, taps}, {1, 1, stride}));
          std::map<std::pair<int64_t, int64_t>, int> places;
          for (int64_t byte = 0; byte < layout.DepthGroups() * kDepthGroup; ++byte) {
            const StripLayout::Place place = layout.Find(byte);
            if (place.row < rows) ++places[{place.row, place.byte}];
          }
          ASSERT_EQ(places.size(), static_cast<size_t>(rows * row_bytes));
          for (const auto& [place, times] : places) {
            ASSERT_EQ(times, 1);
            ASSERT_LT(place.second, row_bytes);
          }
        }
      }
    }
  }
}

// The list leads to the bytes that Find tells, if the joined bytes are what masks make of the rows.
TEST(Strips, ListLeadsToEachByte) {
  const Geometry g = Layer(3, {2, 7, 7}, {1, 2, 2});
  const StripLayout layout = MakeStripLayout(g);
  const int64_t row_bytes = 21, joined = 24, row = 100, plane = 1000;
  // Memory of one pixel: each byte tells its place.
  std::vector<int64_t> memory(2000, -1);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < layout.rows; ++j) {
      for (int64_t byte = 0; byte < row_bytes; ++byte) {
        memory[static_cast<size_t>(i * plane + j * row + byte)] = (i * 100 + j) * 100 + byte;
      }
      for (int64_t byte = 0; byte < kDepthGroup; ++byte) {
        const int64_t below = byte / layout.remainder;  // the row that a mask takes it from
        EXPECT_EQ(layout.masks[static_cast<size_t>(below * kernels::kJoinBytes + byte)], 255);
        if (j + below < layout.rows) {
          memory[static_cast<size_t>(i * plane + j * row + joined + byte)] =
              (i * 100 + j + below) * 100 + row_bytes - layout.remainder + byte % layout.remainder;
        }
      }
    }
  }
  std::vector<int64_t> list(static_cast<size_t>(2 * layout.DepthGroups()));
  ListStripGroups(layout, 2, plane, row, joined, list.data());
  for (int64_t at = 0; at < static_cast<int64_t>(list.size()) * kDepthGroup; ++at) {
    const int64_t in_plane = at % (layout.DepthGroups() * kDepthGroup);
    const StripLayout::Place place = layout.Find(in_plane);
    if (place.row >= layout.rows) continue;
    const int64_t i = at / (layout.DepthGroups() * kDepthGroup);
    EXPECT_EQ(
        memory[static_cast<size_t>(list[static_cast<size_t>(at / kDepthGroup)] + at % kDepthGroup)],
        (i * 100 + place.row) * 100 + place.byte);
  }
}

}  // namespace
}  // namespace qconv::pack
