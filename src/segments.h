// Segments: one dimension of the output image, cut where the taps inside the image change.
//
// Layer: middle end. Pure functions of sizes. Used by plan.cpp and padding.cpp; read next: plan.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "pack/feed.h"

namespace qconv {

inline constexpr int kMaxSegments = 8;  // per dimension

struct Segments {
  std::array<pack::Segment, kMaxSegments + 1> list;  // and a last one cut off (CutLast)
  int count = 0;

  void Add(const pack::Segment& segment) {
    if (segment.begin < segment.end) list[static_cast<size_t>(count++)] = segment;
  }
  bool Copies() const {
    return std::any_of(list.begin(), list.begin() + count,
                       [](const pack::Segment& segment) { return segment.copied; });
  }
};

using GridSegments = std::array<Segments, 3>;  // d, h, w

// One dimension of a layer and its image.
struct Extent {
  int64_t input, output;
  int64_t kernel, stride, dilation, padding;
};

// Cuts where the set of taps inside the input changes. Returns false, leaving `segments` undefined,
// if that takes more than kMaxSegments.
bool CutBySkipping(const Extent& extent, Segments& segments);

// The same for kernels of many taps: in place where all taps lie inside, before and after that
// equal copied segments of at least `narrowest` positions (but for what is left at the ends), each
// with the taps that lie inside for any of its positions.
//
//   128 taps, padding 64, 49 inputs:  position  0 ... 6      7 ... 13     14 ...
//                                     taps      58 ... 112   51 ... 105   44 ...
Segments CutByCovering(const Extent& extent, int64_t narrowest);

// Cuts into copied | in place | copied, all taps; in place are the positions whose window starts in
// [0, last_start].
Segments CutByCopying(const Extent& extent, int64_t last_start);

// Cuts the last position off the segment that it ends.
void CutLast(Segments& segments);

}  // namespace qconv
