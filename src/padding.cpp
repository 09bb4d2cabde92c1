#include "padding.h"

#include <algorithm>

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

// Of all pieces: such pixels times taps.
int64_t TileTaps(const PackedLayer& layer, const std::array<Segments, 3>& segments) {
  int64_t sum = 0;
  segments[0].ForEach([&](const Segment& d) {
    segments[1].ForEach([&](const Segment& h) {
      segments[2].ForEach([&](const Segment& w) {
        sum += TilePixels(layer, d.size() * h.size() * w.size()) * d.taps() * h.taps() * w.taps();
      });
    });
  });
  return sum;
}

}  // namespace

bool PrefersPadding(const PackedLayer& layer, const pack::Dims& output,
                    const std::array<Segments, 3>& segments) {
  // In dot products of a vector: what a piece takes for each panel, and the copy of a cache line.
  // (1024 channels in 32 groups, 3x3, 7x7: 0.95 times the speed of oneDNN in pieces, 1.20 padded;
  // 512 channels in 32 groups, stride 2, 28x28, which has no edges at two sides: 0.91 and 0.75.)
  constexpr int64_t kPieceDots = 500, kLineDots = 8, kLine = 64;
  const pack::Geometry& g = layer.geometry;
  const pack::ChannelGroup& group = layer.groups[0];
  if (layer.feed != pack::Feed::kTaps || output[0] * output[1] * output[2] > kUsualBlockRows ||
      group.in_channels != layer.groups.back().in_channels) {
    return false;
  }
  int64_t pieces = 1;
  bool copies = false;
  for (const Segments& dimension : segments) {
    copies = copies || dimension.Copies();
    pieces *= dimension.count;
  }
  if (pieces == 1 && !copies) return false;
  const int64_t channels = pack::PaddedChannels(layer);
  int64_t bytes = channels;
  for (const int64_t size : pack::PaddedSize(g, output)) {
    if (size > kCopyBytes / bytes) return false;
    bytes *= size;
  }
  if (copies) return true;  // kernels of many taps gather their edges in any case
  const int vectors = layer.kernels->shapes[layer.panels[0].shape].vectors;
  const int64_t all = TilePixels(layer, output[0] * output[1] * output[2]) * g.Taps();
  const int64_t taps = (all - TileTaps(layer, segments)) * group.depth_groups * vectors;
  const int64_t lines = bytes / kLine * group.in_channels / channels;  // for this group
  return taps + lines * kLineDots < (pieces - 1) * kPieceDots;
}

}  // namespace qconv
