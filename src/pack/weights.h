// Weights into panels.
//
// Layer: pack. The layout is drawn in packed_layer.h. Read next: fold.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/packed_layer.h"

namespace qconv::pack {

// Which column of a panel of `vectors` vectors lane `lane` of vector `vector` computes. Not the
// obvious vector * lanes + lane: the kernels narrow int32 to bytes with pack instructions, which
// interleave their operands in units of four lanes; this order undoes it, so that the bytes come
// out in order.
constexpr int ColumnInPanel(int vectors, int vector, int lane) {
  return 4 * vectors * (lane / 4) + 4 * vector + lane % 4;
}

// How the kernels read the input of this shape. Layers with weight zero points need the sum of the
// input under each group's window (`sums`), so their channel groups must not read other channels.
Feed ChooseFeed(const Geometry& geometry, bool sums);

Dims TapGrid(const Geometry& geometry, Feed feed);

// Cuts the layer into channel groups; groups narrower than a vector of `lanes` are merged, unless
// `sums`.
std::vector<ChannelGroup> MakeChannelGroups(const Geometry& geometry, Feed feed, int lanes,
                                            bool sums);

// Reads the weight that column `column` of a panel applies to input byte `byte` of tap `tap` (an
// index into layer.tap_grid, raster order): zero where there is none.
class WeightReader {
 public:
  WeightReader(const PackedLayer& layer, std::span<const int8_t> weights)
      : layer_(layer), weights_(weights) {}
  int8_t Get(const Panel& panel, int column, int64_t tap, int64_t byte) const;

 private:
  const PackedLayer& layer_;
  std::span<const int8_t> weights_;  // [out][kernel...][in / groups]
};

// Fills layer.weights; panels and groups must be set.
void PackWeights(std::span<const int8_t> weights, PackedLayer& layer);

}  // namespace qconv::pack
