#include "padding.h"

#include "pack/feed.h"
#include "plan.h"

namespace qconv {

bool PrefersPadding(const pack::PackedLayer& layer, const pack::Dims& output,
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
  int64_t pieces = 1, inside = 1, all = 1;
  bool copies = false;
  for (size_t i = 0; i < 3; ++i) {
    copies = copies || segments[i].Copies();
    pieces *= segments[i].count;
    inside *= segments[i].Taps();
    all *= output[i] * g.kernel[i];
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
  const int64_t taps = (all - inside) * group.depth_groups * vectors;
  const int64_t lines = bytes / kLine * group.in_channels / channels;  // for this group
  return taps + lines * kLineDots < (pieces - 1) * kPieceDots;
}

}  // namespace qconv
