#include "segments.h"

#include <algorithm>

#include "pack/integers.h"

namespace qconv {
namespace {

using pack::CeilDiv;
using pack::FloorDiv;
using pack::Segment;

struct Taps {
  int64_t begin, end;
};

// The taps of position `o` that read inside: tap t reads o * stride - padding + t * dilation.
Taps TapsInside(const Extent& e, int64_t o) {
  const int64_t start = o * e.stride - e.padding;
  const int64_t begin = std::clamp<int64_t>(CeilDiv(-start, e.dilation), 0, e.kernel);
  return {begin, std::clamp<int64_t>(CeilDiv(e.input - start, e.dilation), begin, e.kernel)};
}

// Positions [begin, end) in equal segments of at most `width`, each with the taps that its
// positions need. Both ends of TapsInside only fall from position to position.
void AddCovering(const Extent& e, int64_t begin, int64_t end, int64_t width, Segments& segments) {
  const int64_t count = CeilDiv(end - begin, width), first = begin;
  for (int64_t i = 1; i <= count; ++i) {
    const int64_t next = first + (end - first) * i / count;
    const int64_t taps_begin = TapsInside(e, next - 1).begin, taps_end = TapsInside(e, begin).end;
    const bool none = taps_begin >= taps_end;
    segments.Add({.begin = begin,
                  .end = next,
                  .tap_begin = none ? 0 : taps_begin,
                  .tap_end = none ? 0 : taps_end,
                  .copied = true,
                  .step = 1});
    begin = next;
  }
}

// The positions whose window starts in [0, last_start].
struct Positions {
  int64_t begin, end;
};
Positions InPlace(const Extent& e, int64_t last_start) {
  const int64_t begin = std::min(CeilDiv(e.padding, e.stride), e.output);
  return {begin, std::clamp(FloorDiv(last_start + e.padding, e.stride) + 1, begin, e.output)};
}

}  // namespace

bool CutBySkipping(const Extent& e, Segments& segments) {
  segments.count = 0;
  if (e.padding == 0 && (e.output - 1) * e.stride + (e.kernel - 1) * e.dilation < e.input) {
    segments.Add({.begin = 0,
                  .end = e.output,
                  .tap_begin = 0,
                  .tap_end = e.kernel,
                  .copied = false,
                  .step = 1});
    return true;
  }
  for (int64_t o = 0; o < e.output;) {
    if (segments.count == kMaxSegments) return false;
    auto [low, high] = TapsInside(e, o);
    // The next position where tap low - 1 comes in, or tap high - 1 falls out.
    int64_t end = e.output;
    if (low > 0) end = std::min(end, CeilDiv(e.padding - (low - 1) * e.dilation, e.stride));
    if (high > low) {
      end =
          std::min(end, FloorDiv(e.input - 1 + e.padding - (high - 1) * e.dilation, e.stride) + 1);
    }
    if (low == high) low = high = 0;
    segments.Add(
        {.begin = o, .end = end, .tap_begin = low, .tap_end = high, .copied = false, .step = 1});
    o = end;
  }
  return true;
}

Segments CutByCovering(const Extent& e, int64_t narrowest) {
  const Positions inner = InPlace(e, e.input - 1 - e.dilation * (e.kernel - 1));
  const int64_t before = inner.begin, after = e.output - inner.end;
  const int64_t most = kMaxSegments - (inner.begin < inner.end ? 1 : 0);
  int64_t width = std::max(narrowest, CeilDiv(before + after, most));
  while (CeilDiv(before, width) + CeilDiv(after, width) > most) ++width;
  Segments segments;
  AddCovering(e, 0, inner.begin, width, segments);
  segments.Add({inner.begin, inner.end, 0, e.kernel, false, 1});
  AddCovering(e, inner.end, e.output, width, segments);
  return segments;
}

Segments CutByCopying(const Extent& e, int64_t last_start) {
  const Positions inner = InPlace(e, last_start);
  Segments segments;
  segments.Add({0, inner.begin, 0, e.kernel, true, 1});
  segments.Add({inner.begin, inner.end, 0, e.kernel, false, 1});
  segments.Add({inner.end, e.output, 0, e.kernel, true, 1});
  return segments;
}

void CutLast(Segments& segments) {
  Segment& last = segments.list[static_cast<size_t>(segments.count - 1)];
  if (last.size() == 1) return;
  Segment position = last;
  position.begin = last.end - 1;
  last.end = position.begin;
  segments.Add(position);
}

}  // namespace qconv
