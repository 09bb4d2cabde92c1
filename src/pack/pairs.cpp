#include "pack/pairs.h"

#include <algorithm>

#include "pack/integers.h"

namespace qconv::pack {
namespace {

std::vector<float> Twice(std::span<const float> numbers) {
  std::vector<float> twice(numbers.begin(), numbers.end());
  twice.insert(twice.end(), numbers.begin(), numbers.end());
  return twice;
}

// [out channel][d][h][w][in channel]
std::vector<int8_t> PairWeights(const Geometry& g, std::span<const int8_t> weights) {
  const Geometry pair = PairGeometry(g);
  const int64_t row = g.kernel[2] * g.in_channels, pair_row = pair.kernel[2] * g.in_channels;
  const int64_t rows = g.out_channels * g.kernel[0] * g.kernel[1];
  std::vector<int8_t> result(static_cast<size_t>(2 * rows * pair_row));
  for (int64_t i = 0; i < rows; ++i) {
    const auto from = weights.begin() + i * row;
    std::copy(from, from + row, result.begin() + i * pair_row);
    std::copy(from, from + row,
              result.begin() + (rows + i) * pair_row + g.stride[2] * g.in_channels);
  }
  return result;
}

}  // namespace

bool HasPairs(const Geometry& g, const kernels::KernelTable& table) {
  if (g.groups > 1 || g.dilation[2] > 1 || 2 * g.out_channels > table.lanes) return false;
  // Two pixels take kernel + stride columns instead of twice the kernel: from a sixth less on.
  return 2 * g.kernel[2] >= 3 * g.stride[2];
}

Geometry PairGeometry(const Geometry& g) {
  Geometry pair = g;
  pair.out_channels *= 2;
  pair.kernel[2] += g.stride[2];
  pair.stride[2] *= 2;
  return pair;
}

PairNumbers::PairNumbers(const Geometry& geometry, const Quantization& single,
                         std::span<const int8_t> single_weights, std::span<const float> single_bias)
    : scales(Twice(single.weight_scales)),
      bias(Twice(single_bias)),
      weights(PairWeights(geometry, single_weights)),
      quantization(single) {
  quantization.weight_scales = scales;
  if (single.weight_scales.size() == 1) quantization.weight_scales = single.weight_scales;
  quantization.weight_zero_points = {};  // they are zero
}

Pairing SinglePixels(const PackedLayer& layer, int64_t width) { return {&layer, width, 0}; }

Pairing BestPairing(const PackedLayer& layer, int64_t width) {
  Pairing best = SinglePixels(layer, width);
  int64_t neighbours = 1;
  for (const PackedLayer* pairs = layer.pairs.get(); pairs != nullptr; pairs = pairs->pairs.get()) {
    neighbours *= 2;
    const int64_t pixels = CeilDiv(width, neighbours);
    const int64_t idle = (pixels * neighbours - width) * layer.geometry.out_channels;
    const Pairing pairing = {pairs, pixels, idle};
    if (pairing.Columns() <= best.Columns()) best = pairing;
  }
  return best;
}

}  // namespace qconv::pack
