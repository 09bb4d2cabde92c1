#include "pack/neighbours.h"

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
std::vector<int8_t> NeighbourWeights(const Geometry& g, std::span<const int8_t> weights) {
  const Geometry two = NeighbourGeometry(g);
  const int64_t row = g.kernel[2] * g.in_channels, wide_row = two.kernel[2] * g.in_channels;
  const int64_t rows = g.out_channels * g.kernel[0] * g.kernel[1];
  std::vector<int8_t> result(static_cast<size_t>(2 * rows * wide_row));
  for (int64_t i = 0; i < rows; ++i) {
    const auto from = weights.begin() + i * row;
    std::copy(from, from + row, result.begin() + i * wide_row);
    std::copy(from, from + row,
              result.begin() + (rows + i) * wide_row + g.stride[2] * g.in_channels);
  }
  return result;
}

}  // namespace

bool CombinesNeighbours(const Geometry& g, const kernels::KernelTable& table) {
  if (g.groups > 1 || g.dilation[2] > 1 || 2 * g.out_channels > table.lanes) return false;
  // Two pixels take kernel + stride columns instead of twice the kernel: from a sixth less on.
  return 2 * g.kernel[2] >= 3 * g.stride[2];
}

Geometry NeighbourGeometry(const Geometry& g) {
  Geometry two = g;
  two.out_channels *= 2;
  two.kernel[2] += g.stride[2];
  two.stride[2] *= 2;
  return two;
}

NeighbourNumbers::NeighbourNumbers(const Geometry& geometry, const Quantization& single,
                                   std::span<const int8_t> single_weights,
                                   std::span<const float> single_bias)
    : scales(Twice(single.weight_scales)),
      bias(Twice(single_bias)),
      weights(NeighbourWeights(geometry, single_weights)),
      quantization(single) {
  quantization.weight_scales = scales;
  if (single.weight_scales.size() == 1) quantization.weight_scales = single.weight_scales;
  quantization.weight_zero_points = {};  // they are zero
}

Combination SinglePixels(const PackedLayer& layer, int64_t width) { return {&layer, width, 0}; }

Combination BestCombination(const PackedLayer& layer, int64_t width) {
  Combination best = SinglePixels(layer, width);
  int64_t count = 1;
  for (const PackedLayer* packing = layer.neighbours.get(); packing != nullptr;
       packing = packing->neighbours.get()) {
    count *= 2;
    const int64_t pixels = CeilDiv(width, count);
    const int64_t idle_outputs = (pixels * count - width) * layer.geometry.out_channels;
    const Combination combination = {packing, pixels, idle_outputs};
    if (combination.Columns() <= best.Columns()) best = combination;
  }
  return best;
}

}  // namespace qconv::pack
