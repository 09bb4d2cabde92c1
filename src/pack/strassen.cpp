#include "pack/strassen.h"

#include <cstdlib>
#include <limits>

#include "pack/transformed.h"
#include "pack/weights.h"

namespace qconv::pack {
namespace {

using kernels::kStrassenProducts;

// out[0 .. positions of a side) = T, of blocks b[input channels][output channels].
template <int side>
void Transform(const int32_t (&b)[side][side], int16_t* out) {
  if constexpr (side == 1) {
    *out = static_cast<int16_t>(b[0][0]);
  } else {
    constexpr int kHalf = side / 2;
    int32_t t[kStrassenProducts][kHalf][kHalf];
    for (int i = 0; i < kHalf; ++i) {
      for (int j = 0; j < kHalf; ++j) {
        const int32_t b11 = b[i][j], b12 = b[i][j + kHalf];
        const int32_t b21 = b[i + kHalf][j], b22 = b[i + kHalf][j + kHalf];
        const int32_t t1 = b12 - b11, t2 = b22 - t1;
        const int32_t all[] = {b11, b21, b22, t2 - b21, t1, t2, b22 - b12};
        for (int p = 0; p < kStrassenProducts; ++p) t[p][i][j] = all[p];
      }
    }
    constexpr int kPositions = side == 2 ? 1 : kStrassenProducts;  // of a half
    for (const auto& half : t) {
      Transform(half, out);
      out += kPositions;
    }
  }
}

// Of all panels of the set that begins with panel `first`.
template <int side>
void PackSet(const WeightReader& reader, size_t first, PackedLayer& layer) {
  const Panel* panels = &layer.panels[first];
  const int lanes = layer.kernels->lanes, vectors = layer.kernels->shapes[panels->shape].vectors;
  const ChannelOrder order(lanes, layer.geometry.in_channels / side);
  const int64_t position_bytes = layer.TapWeightBytes(*panels);
  const auto positions = static_cast<size_t>(layer.Algorithm().positions);
  std::byte* out = layer.weights.data() + panels->weights_offset;
  for (int64_t pair = 0; pair < order.depth() / 2; ++pair) {
    for (int place = 0; place < vectors * lanes; ++place) {
      int16_t transformed[2][kernels::kTransforms[kernels::kStrassenTwice].positions];
      for (int i = 0; i < 2; ++i) {
        const int64_t channel = order.ChannelAt(2 * pair + i);
        int32_t b[side][side] = {};
        for (int row = 0; row < side && channel >= 0; ++row) {
          for (int column = 0; column < side; ++column) {
            const Panel& panel = panels[column];
            b[row][column] = reader.Get(panel, layer.Column(panel, place), /*tap=*/0,
                                        row * order.channels() + channel);
          }
        }
        Transform(b, transformed[i]);
      }
      WriteChannelPair({transformed[0], positions}, {transformed[1], positions}, position_bytes,
                       out);
      out += 2 * sizeof(int16_t);
    }
  }
}

}  // namespace

bool HasStrassenShape(const PackedLayer& layer) {
  const Geometry& g = layer.geometry;
  const kernels::KernelTable& table = *layer.kernels;
  const int blocks = layer.Algorithm().blocks;
  const Dims none = {0, 0, 0};
  return table.transforms[layer.transform] != nullptr && g.Taps() == 1 && g.padding == none &&
         g.padding_end == none && g.groups == 1 && g.in_channels % blocks == 0 &&
         g.out_channels % blocks == 0 && g.in_channels / blocks >= TransformChunk(table.lanes);
}

bool FitsStrassen(const PackedLayer& layer, std::span<const int8_t> weights,
                  std::span<const int32_t> zero_points) {
  // Transformed weights may be four times as large for each level, as T4 of the formula has four:
  // 4 for two blocks, 16 for four.
  const int blocks = layer.Algorithm().blocks;
  const int64_t most = std::numeric_limits<int16_t>::max() / (blocks * blocks);
  const int64_t inputs = layer.geometry.in_channels;
  auto next = weights.begin();
  for (int64_t out = 0; out < layer.geometry.out_channels; ++out) {
    const int64_t zero_point = WeightZeroPoint(zero_points, out);
    for (int64_t in = 0; in < inputs; ++in) {
      if (std::abs(*next++ - zero_point) > most) return false;
    }
  }
  return true;
}

void PackStrassenWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         PackedLayer& layer) {
  const WeightReader reader(layer, weights, zero_points);
  const int blocks = layer.Algorithm().blocks;
  for (size_t first = 0; first < layer.panels.size(); first += static_cast<size_t>(blocks)) {
    switch (blocks) {
      case 1:
        PackSet<1>(reader, first, layer);
        break;
      case 2:
        PackSet<2>(reader, first, layer);
        break;
      default:
        PackSet<4>(reader, first, layer);
    }
  }
}

}  // namespace qconv::pack
