#include "padding.h"

#include <algorithm>
#include <span>

#include "pack/chains.h"
#include "pack/feed.h"
#include "pack/integers.h"
#include "pack/pad_image.h"
#include "plan.h"

namespace qconv {
namespace {

using pack::PackedLayer;
using pack::Segment;

// What a piece of so many pixels takes, in pixels of tall tiles. A tile reads the weights of its
// panel whatever its height; from the second-level cache that takes as long as multiplying two or
// three pixels, by the width of vectors. (AVX-512 VNNI, 3x3, stride 2, 5x5: 512 channels 1.9 times
// as fast padded, 64 channels not at all.)
int64_t TilePixels(const PackedLayer& layer, int64_t pixels) {
  constexpr int64_t kFirstLevelBytes = 40 * 1024;
  const kernels::PanelShape& shape = layer.kernels->shapes[layer.panels[0].shape];
  const int64_t weight_bytes =
      layer.geometry.Taps() * layer.groups[0].depth_groups * kernels::kDepthGroup * shape.columns;
  if (weight_bytes <= kFirstLevelBytes) return pixels;
  const int64_t lowest = 1 + layer.kernels->lanes / 8;
  return std::max(pixels, pack::CeilDiv(pixels, shape.rows) * lowest);
}

// Whether there are positions without all taps.
bool HasClipped(const Segments& segments, int64_t kernel) {
  return std::any_of(segments.list.begin(), segments.list.begin() + segments.count,
                     [kernel](const Segment& segment) { return segment.taps() < kernel; });
}

// The first dimension whose edges are read from the copy, as a rule as a single segment.
size_t FirstPadded(Padding padding) {
  return padding == Padding::kNone ? 3 : padding == Padding::kColumns ? 2 : 0;
}

// What a piece takes for each panel, in dot products of a vector.
int64_t PieceDots(const PackedLayer& layer) {
  // (1024 channels in 32 groups, 3x3, 7x7: 0.95 times the speed of oneDNN in pieces, 1.20 padded.)
  constexpr int64_t kCallDots = 500;
  // Pieces at the edges have chains of their own. Where all chains together exceed the second-level
  // cache, each of these short lists comes from beyond it, mostly by latency. (3x3, stride 2, in 32
  // groups, times the speed in pieces, AVX2 and AVX-512: 1024 channels, 28x28 1.42 and 1.37, 2048
  // channels, 14x14 1.96 and 1.28; 512 channels, 28x28 0.90 and 0.95.)
  constexpr int64_t kSecondLevelBytes = 512 * 1024;
  constexpr int64_t kLine = 64, kFetchDots = 32;
  if (!pack::HasWholeChains(layer) || std::ssize(layer.chain_weights) <= kSecondLevelBytes) {
    return kCallDots;
  }
  return kCallDots +
         std::ssize(layer.chain_weights) / std::ssize(layer.panels) / 2 / kLine * kFetchDots;
}

// What all pieces take, in dot products of a vector, for a group. Called for every Run: no copies
// of segments.
int64_t Cost(const PackedLayer& layer, const pack::Dims& output, const GridSegments& segments,
             Padding padding) {
  Segment whole[3];
  std::span<const Segment> grid[3];
  for (size_t i = 0; i < 3; ++i) {
    whole[i] = {0, output[i], 0, layer.geometry.kernel[i], false, 1};
    grid[i] = {segments[i].list.data(), static_cast<size_t>(segments[i].count)};
    if (i >= FirstPadded(padding)) grid[i] = {&whole[i], 1};
  }
  int64_t pieces = 0, taps = 0;  // of each pixel
  for (const Segment& d : grid[0]) {
    for (const Segment& h : grid[1]) {
      for (const Segment& w : grid[2]) {
        ++pieces;
        taps += TilePixels(layer, d.size() * h.size() * w.size()) * d.taps() * h.taps() * w.taps();
      }
    }
  }
  const int vectors = layer.kernels->shapes[layer.panels[0].shape].vectors;
  return taps * layer.groups[0].depth_groups * vectors + pieces * PieceDots(layer);
}

}  // namespace

Padding ChoosePadding(const PackedLayer& layer, const pack::Dims& output,
                      const GridSegments& segments) {
  // The copy of a cache line. (512 channels in 32 groups, stride 2, 28x28, which has no edges at
  // two sides: 0.91 times the speed of oneDNN in pieces, 0.75 padded.)
  constexpr int64_t kLineDots = 8, kLine = 64;
  const pack::ChannelGroup& group = layer.groups[0];
  if (layer.feed != pack::Feed::kTaps || output[0] * output[1] * output[2] > kUsualBlockRows ||
      group.in_channels != layer.groups.back().in_channels) {
    return Padding::kNone;
  }
  int64_t pieces = 1;
  bool copies = false;
  for (const Segments& dimension : segments) {
    copies = copies || dimension.Copies();
    pieces *= dimension.count;
  }
  if (pieces == 1 && !copies) return Padding::kNone;
  const int64_t channels = pack::PaddedChannels(layer);
  int64_t bytes = channels;
  for (const int64_t size : pack::PaddedSize(layer.geometry, output)) {
    if (size > kCopyBytes / bytes) return Padding::kNone;
    bytes *= size;
  }
  if (copies) return Padding::kWhole;  // kernels of many taps gather their edges in any case
  const int64_t lines = bytes / kLine * group.in_channels / channels;  // for this group
  const bool skips = HasClipped(segments[0], layer.geometry.kernel[0]) ||
                     HasClipped(segments[1], layer.geometry.kernel[1]);
  int64_t least = Cost(layer, output, segments, Padding::kNone) - lines * kLineDots;
  Padding best = Padding::kNone;
  for (const Padding padding : {Padding::kColumns, Padding::kWhole}) {
    if (padding == Padding::kColumns && !skips) continue;
    const int64_t cost = Cost(layer, output, segments, padding);
    if (cost >= least) continue;
    least = cost;
    best = padding;
  }
  return best;
}

void PadSegments(const PackedLayer& layer, const pack::Dims& output, Padding padding,
                 GridSegments& segments) {
  for (size_t i = FirstPadded(padding); i < 3; ++i) {
    if (segments[i].Copies()) {
      for (Segment& segment : segments[i].list) segment.copied = false;
    } else {
      segments[i].count = 0;
      segments[i].Add({0, output[i], 0, layer.geometry.kernel[i], false, 1});
    }
  }
}

}  // namespace qconv
