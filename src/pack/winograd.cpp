#include "pack/winograd.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <vector>

#include "pack/integers.h"
#include "pack/transformed.h"
#include "pack/weights.h"

namespace qconv::pack {
namespace {

using kernels::kWinogradPositions;

constexpr int kSide = kernels::kWinogradSide, kKernel = 3;

// H of the formula, and how much larger than weights transformed ones can be.
constexpr int32_t kWeightTransform[kSide][kKernel] = {{6, 0, 0}, {-2, -2, -2}, {-2, 2, -2},
                                                      {1, 2, 4}, {1, -2, 4},   {0, 0, 6}};
constexpr int32_t kMostGain = 7 * 7;

// H g H'
void Transform(const int32_t (&g)[kKernel][kKernel], int16_t (&out)[kWinogradPositions]) {
  int16_t* next = out;
  for (const int32_t(&h)[kKernel] : kWeightTransform) {
    int32_t row[kKernel];  // of H g
    for (int j = 0; j < kKernel; ++j) row[j] = h[0] * g[0][j] + h[1] * g[1][j] + h[2] * g[2][j];
    for (const int32_t(&v)[kKernel] : kWeightTransform) {
      *next++ = static_cast<int16_t>(row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
    }
  }
}

// Of an output channel: the sums of its weights of either sign, of each chunk.
struct ChunkSums {
  explicit ChunkSums(int64_t chunks)
      : positive(static_cast<size_t>(chunks)), negative(static_cast<size_t>(chunks)) {}

  void Add(int64_t chunk, int64_t weight) {
    (weight > 0 ? positive : negative)[static_cast<size_t>(chunk)] += std::abs(weight);
  }
  // Whether parts of so many chunks have sums of kWinogradSumBits, with inputs up to the maximum.
  bool Fit(int64_t part, int64_t input_maximum) const {
    constexpr int64_t kMost = (int64_t{1} << (kernels::kWinogradSumBits - 1)) - 1;
    const auto size = static_cast<int64_t>(positive.size());
    for (int64_t begin = 0; begin < size; begin += part) {
      const int64_t end = std::min(begin + part, size);
      for (const std::vector<int64_t>* sums : {&positive, &negative}) {
        const int64_t sum = std::accumulate(sums->begin() + begin, sums->begin() + end, int64_t{0});
        if (sum * input_maximum > kMost) return false;
      }
    }
    return true;
  }

  std::vector<int64_t> positive, negative;
};

}  // namespace

bool HasWinogradShape(const PackedLayer& layer) {
  const Geometry& g = layer.geometry;
  const kernels::KernelTable& table = *layer.kernels;
  return table.transforms[kernels::kWinograd] != nullptr && g.kernel[1] == kKernel &&
         g.kernel[2] == kKernel && g.stride[1] == 1 && g.stride[2] == 1 && g.GroupInputs() > 1 &&
         g.in_channels >= TransformChunk(table.lanes);
}

int64_t WinogradParts(const PackedLayer& layer, std::span<const int8_t> weights,
                      std::span<const int32_t> zero_points) {
  constexpr int64_t kMostWeight = std::numeric_limits<int16_t>::max() / kMostGain;  // transformed
  const Geometry& g = layer.geometry;
  // Groups are one part: they may share chunks with others.
  const int64_t inputs = g.GroupInputs();
  const int64_t width = g.groups == 1 ? TransformChunk(layer.kernels->lanes) : inputs;
  const int64_t plane_chunks = CeilDiv(inputs, width), chunks = g.kernel[0] * plane_chunks;
  std::vector<ChunkSums> sums;
  auto next = weights.begin();
  for (int64_t out = 0; out < g.out_channels; ++out) {
    const int64_t zero_point = WeightZeroPoint(zero_points, out);
    ChunkSums& channel = sums.emplace_back(chunks);
    for (int64_t tap = 0; tap < g.Taps(); ++tap) {
      const int64_t first_chunk = tap / (kKernel * kKernel) * plane_chunks;
      for (int64_t chunk = 0; chunk < plane_chunks; ++chunk) {
        const int64_t end = std::min((chunk + 1) * width, inputs);
        for (int64_t in = chunk * width; in < end; ++in) {
          const int64_t weight = *next++ - zero_point;
          if (std::abs(weight) > kMostWeight) return 0;
          channel.Add(first_chunk + chunk, weight);
        }
      }
    }
  }
  const auto fit = [&](int64_t part) {
    return std::all_of(sums.begin(), sums.end(), [&](const ChunkSums& channel) {
      return channel.Fit(part, layer.input_maximum);
    });
  };
  if (fit(chunks)) return 1;
  if (g.groups > 1 || !fit(1)) return 0;
  int64_t parts = 2;
  while (!fit(CeilDiv(chunks, parts))) ++parts;
  return parts;
}

void PackWinogradWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         PackedLayer& layer) {
  const WeightReader reader(layer, weights, zero_points);
  const int lanes = layer.kernels->lanes;
  for (const Panel& panel : layer.panels) {
    const int vectors = layer.kernels->shapes[panel.shape].vectors;
    const ChannelGroup& group = layer.groups[static_cast<size_t>(panel.group)];
    const int64_t planes = layer.geometry.kernel[0];
    const ChannelOrder order(lanes, group.in_channels);
    const int64_t pairs = order.depth() / 2;
    const int64_t position_bytes = layer.TapWeightBytes(panel);
    const auto weight = [&](int column, int64_t tap, int64_t at) {
      const int64_t channel = order.ChannelAt(at);
      return channel < 0 ? 0 : reader.Get(panel, column, tap, channel);
    };
    for (int64_t pair = 0; pair < planes * pairs; ++pair) {
      const int64_t first_tap = pair / pairs * kKernel * kKernel, channel = pair % pairs * 2;
      for (int place = 0; place < vectors * lanes; ++place) {
        const int column = layer.Column(panel, place);
        int32_t g[2][kKernel][kKernel];
        for (int i = 0; i < 2; ++i) {
          for (int tap = 0; tap < kKernel * kKernel; ++tap) {
            g[i][tap / kKernel][tap % kKernel] = weight(column, first_tap + tap, channel + i);
          }
        }
        std::byte* out = layer.weights.data() + panel.weights_offset +
                         (pair * vectors * lanes + place) * 2 * int64_t{sizeof(int16_t)};
        int16_t transformed[2][kWinogradPositions];
        for (int i = 0; i < 2; ++i) Transform(g[i], transformed[i]);
        WriteChannelPair(transformed[0], transformed[1], position_bytes, out);
      }
    }
  }
  layer.padding.assign(static_cast<size_t>(layer.geometry.in_channels), layer.input_zero_point);
}

}  // namespace qconv::pack
