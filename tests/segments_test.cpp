// Segments: each output position once, with the taps that lie in the image.
#include "segments.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace qconv {
namespace {

Extent MakeExtent(int64_t input, int64_t kernel, int64_t stride, int64_t dilation,
                  int64_t padding) {
  const int64_t output = (input + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  return {input, output, kernel, stride, dilation, padding};
}

bool IsInside(const Extent& e, int64_t o, int64_t tap) {
  const int64_t at = o * e.stride - e.padding + tap * e.dilation;
  return at >= 0 && at < e.input;
}

// Each position once, in order; taps that lie inside are in, and where nothing is copied no others.
void CheckSegments(const Extent& e, const Segments& segments) {
  int64_t next = 0;
  for (int i = 0; i < segments.count; ++i) {
    const pack::Segment& s = segments.list[static_cast<size_t>(i)];
    EXPECT_EQ(s.begin, next);
    EXPECT_TRUE(0 <= s.tap_begin && s.tap_begin <= s.tap_end && s.tap_end <= e.kernel);
    for (int64_t o = s.begin; o < s.end; ++o) {
      for (int64_t t = 0; t < e.kernel; ++t) {
        const bool has = t >= s.tap_begin && t < s.tap_end, inside = IsInside(e, o, t);
        EXPECT_TRUE(inside ? has : s.copied || !has) << "position " << o << ", tap " << t;
      }
    }
    next = s.end;
  }
  EXPECT_EQ(next, e.output);
}

TEST(Segments, CoverAllTapsInside) {
  for (const int64_t input : {1, 2, 7, 30, 49, 300}) {
    for (const int64_t kernel : {1, 2, 9, 33, 128}) {
      for (const int64_t stride : {1, 2, 5}) {
        for (const int64_t dilation : {1, 3}) {
          for (const int64_t padding : {0, 4, 64, 200}) {
            if (input + 2 * padding <= dilation * (kernel - 1)) continue;
            const Extent e = MakeExtent(input, kernel, stride, dilation, padding);
            SCOPED_TRACE(testing::Message() << input << " " << kernel << " " << stride << " "
                                            << dilation << " " << padding);
            Segments skipping;
            if (CutBySkipping(e, skipping)) CheckSegments(e, skipping);
            for (const int64_t narrowest : {1, 6}) CheckSegments(e, CutByCovering(e, narrowest));
          }
        }
      }
    }
  }
}

TEST(CutBySkipping, ListsTheTapsOfEachPosition) {
  Segments segments;
  ASSERT_TRUE(CutBySkipping(MakeExtent(7, 3, 1, 1, 1), segments));
  ASSERT_EQ(segments.count, 3);
  EXPECT_EQ(segments.list[0].end, 1);
  EXPECT_EQ(segments.list[0].tap_begin, 1);
  EXPECT_EQ(segments.list[1].end, 6);
  EXPECT_EQ(segments.list[1].tap_end, 3);
  EXPECT_EQ(segments.list[2].tap_end, 2);
}

TEST(CutBySkipping, RefusesMoreSegmentsThanItCanHold) {
  Segments segments;
  EXPECT_FALSE(CutBySkipping(MakeExtent(100, 33, 1, 1, 16), segments));
}

// 128 taps over 49 positions: each output sees all of the input, through 49 taps of its own.
TEST(CutByCovering, LeavesOutTapsThatNoPositionOfASegmentNeeds) {
  const Segments segments = CutByCovering(MakeExtent(49, 128, 1, 1, 64), /*narrowest=*/8);
  EXPECT_EQ(segments.count, 7);
  EXPECT_EQ(segments.list[0].tap_begin, 64 - 6);
  EXPECT_EQ(segments.list[0].tap_end, 64 + 49);
  int64_t taps = 0;
  for (int i = 0; i < segments.count; ++i) {
    const pack::Segment& s = segments.list[static_cast<size_t>(i)];
    taps += s.size() * s.taps();
  }
  EXPECT_LE(taps, 50 * (49 + 7));
}

TEST(CutByCovering, KeepsInPlaceWhatLiesInside) {
  const Segments segments = CutByCovering(MakeExtent(100, 33, 1, 1, 16), /*narrowest=*/1);
  ASSERT_EQ(segments.count, 7);
  EXPECT_EQ(segments.list[3].begin, 16);
  EXPECT_EQ(segments.list[3].end, 84);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(segments.list[static_cast<size_t>(i)].copied, i != 3);
}

TEST(CutByCopying, KeepsWhatLiesInside) {
  const Segments segments = CutByCopying(
      {.input = 18, .output = 10, .kernel = 3, .stride = 2, .dilation = 1, .padding = 1},
      /*last_start=*/16);
  ASSERT_EQ(segments.count, 3);
  EXPECT_TRUE(segments.list[0].copied);
  EXPECT_EQ(segments.list[1].begin, 1);  // starts at input 1
  EXPECT_EQ(segments.list[1].end, 9);    // the last starts at input 15
  EXPECT_TRUE(segments.list[2].copied);
}

TEST(CutLast, LeavesTheOtherPositionsToTheirSegment) {
  Segments segments;
  segments.Add({0, 3, 1, 5, false, 1});
  segments.Add({3, 9, 0, 5, true, 1});
  CutLast(segments);
  ASSERT_EQ(segments.count, 3);
  EXPECT_EQ(segments.list[0].end, 3);
  EXPECT_EQ(segments.list[1].begin, 3);
  EXPECT_EQ(segments.list[1].end, 8);
  EXPECT_EQ(segments.list[2].begin, 8);
  EXPECT_EQ(segments.list[2].end, 9);
  EXPECT_EQ(segments.list[2].taps(), 5);
  EXPECT_TRUE(segments.list[2].copied);
  CutLast(segments);
  EXPECT_EQ(segments.count, 3) << "one position";
}

}  // namespace
}  // namespace qconv
