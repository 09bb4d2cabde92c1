#include "transform_model.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>

#include "dispatch/float_environment.h"
#include "pack/integers.h"
#include "pack/tiles.h"
#include "pack/transformed.h"
#include "plan.h"

namespace qconv {
namespace {

using pack::CeilDiv;
using pack::Dims;
using pack::PackedLayer;

// Few tiles read the weights from further away again and again.
constexpr int64_t kFewestTiles = 6;

// Which images take less time so, by measurement of 160 3x3 layers of 32 to 1024 channels on images
// of 2x2 to 56x56, on all ISAs: a choice by these numbers takes 0.7 % more time than the best one.
// Plain kernels take some slots beside those counted. Weights take as long to fetch as so many
// tiles to multiply with, on 512-bit vectors with VNNI: from the second-level cache, the third, or
// memory. (From the third it is 8 tiles on Zen 5, where the 0.7 % were measured by that number, and
// 3 or 4 on Zen 4, which multiplies half as fast: by 8 its 7x7 layers of AVX-512 took 1.4 to 1.8
// times as long.) (For Strassen's algorithm and widened input: 56 1x1 layers of 16 to 2048
// channels, uniform weights and trained ones, on AVX2 and AVX-512; 0.5 %.)
struct Model {
  double plain_slots;  // of a plain instruction
  double fetch;        // times kFetches
};
constexpr Model kModels[] = {{1.35, 1}, {0.95, 0.5}, {0.95, 0.5}, {0.95, 0.5}};
static_assert(std::size(kModels) == kernels::kTransformCount);
struct Fetch {
  int64_t most_bytes;
  double tiles;
};
constexpr Fetch kFetches[] = {
    {1 << 20, 2}, {48 << 20, 6}, {std::numeric_limits<int64_t>::max(), 16}};

const Model& ModelOf(const PackedLayer& layer) {
  return kModels[static_cast<size_t>(layer.transform)];
}

// How many tiles the scratch holds.
int64_t MostTiles(const PackedLayer& layer) {
  // The first group is the widest; a panel may have the widest shape.
  const kernels::KernelTable& table = *layer.kernels;
  const int64_t depth = layer.geometry.kernel[0] *
                        pack::TransformDepth(table.lanes, UnitOf(layer, layer.groups[0]).channels);
  const int64_t columns = kernels::kTransformedVectors * table.lanes;
  const int64_t product_bytes = columns * int64_t{sizeof(int32_t)};
  const auto& [name, positions, pixels, outputs, blocks] = layer.Algorithm();
  int64_t tile_bytes = positions * (depth * int64_t{sizeof(int16_t)} + product_bytes);
  if (layer.transform_parts > 1) tile_bytes += outputs * product_bytes;
  const int64_t room = kTransformScratchBytes - 3 * positions * kTransformGapBytes;
  return std::min(
      {room / tile_bytes, kMaxTransformedOutputs / outputs, kMaxTransformedPixels / pixels});
}

// How many taps of all outputs of a dimension are inside the image.
int64_t TapsInside(const pack::Geometry& g, size_t i, int64_t input, int64_t output) {
  int64_t taps = 0;
  for (int64_t tap = 0; tap < g.kernel[i]; ++tap) {
    const int64_t first = tap * g.dilation[i] - g.padding[i];  // input of output 0
    taps += pack::StepsBefore(input, first, 1, output) - pack::StepsBefore(0, first, 1, output);
  }
  return taps;
}

// As many tiles as could be multiplied while the weights are fetched.
double FetchTiles(const PackedLayer& layer) {
  constexpr double kWidest = 16;  // lanes
  const kernels::KernelTable& table = *layer.kernels;
  const double instructions = pack::HasDotProduct(table) ? 1 : 2;  // for each vector of weights
  const Fetch& fetch = *std::find_if(std::begin(kFetches), std::end(kFetches), [&](const Fetch& f) {
    return std::ssize(layer.weights) <= f.most_bytes;
  });
  return ModelOf(layer).fetch * fetch.tiles * table.lanes / kWidest / instructions;
}

// What a pixel takes, in slots, in blocks of so many tiles without one that is partly used.
double PixelSlots(const PackedLayer& layer, double block_tiles) {
  return static_cast<double>(layer.instructions) * (1 + FetchTiles(layer) / block_tiles);
}

}  // namespace

int64_t PanelSets(const PackedLayer& layer) {
  return std::ssize(layer.panels) / layer.Algorithm().blocks;
}

bool FitsTransformed(const PackedLayer& layer) { return MostTiles(layer) >= kFewestTiles; }

double LeastSlots(const PackedLayer& layer) {
  return PixelSlots(layer, static_cast<double>(MostTiles(layer)));
}

bool MayPreferTransformed(const PackedLayer& layer, int64_t plain) {
  return LeastSlots(layer) < ModelOf(layer).plain_slots * static_cast<double>(plain);
}

TransformedShares ChooseTransformedShares(const PackedLayer& layer, int64_t tiles, int threads) {
  const int64_t fewest = CeilDiv(tiles, MostTiles(layer));
  if (threads == 1) return {fewest, 1};
  const dispatch::DefaultFloatEnvironment float_environment;
  const int64_t panels = PanelSets(layer);
  const auto input = static_cast<double>(pack::TransformInputInstructions(layer));
  const double rest = static_cast<double>(layer.instructions * layer.Algorithm().outputs) - input;
  const double fetch = FetchTiles(layer);
  const auto slots = [&](const TransformedShares& shares) {
    const auto block = static_cast<double>(CeilDiv(tiles, shares.blocks));
    const double split =
        static_cast<double>(CeilDiv(panels, shares.splits)) / static_cast<double>(panels);
    // The panels of a group share its input.
    const double input_split = layer.groups.size() > 1 ? split : 1;
    const int64_t turns = CeilDiv(shares.blocks * shares.splits, threads);
    return static_cast<double>(turns) *
           (block * (input * input_split + rest * split) + fetch * rest * split);
  };
  TransformedShares best = {fewest, 1};
  double best_slots = slots(best);
  // Steps of an eighth, so that Run does not search long for many threads.
  const auto next = [](int64_t count) { return count + std::max<int64_t>(count / 8, 1); };
  for (int64_t blocks = fewest; blocks < fewest + threads && blocks <= tiles;
       blocks = next(blocks)) {
    const int64_t most = ChooseSplits(blocks, panels, threads);
    for (int64_t splits = 1; splits <= most; splits = next(splits)) {
      const double needed = slots({blocks, splits});
      if (needed < best_slots) {
        best = {blocks, splits};
        best_slots = needed;
      }
    }
  }
  return best;
}

bool PrefersTransformed(const PackedLayer& layer, int64_t batch, const Dims& input_size,
                        const Dims& output_size) {
  if (layer.transformed == nullptr) return false;
  const dispatch::DefaultFloatEnvironment float_environment;
  const pack::Geometry& g = layer.geometry;
  const PackedLayer& transformed = *layer.transformed;
  const int64_t tiles = CountTiles(transformed, batch, output_size);
  if (tiles == 0) return false;
  const auto real = [](int64_t x) { return static_cast<double>(x); };
  const auto inside = [&](size_t i) {
    return real(TapsInside(g, i, input_size[i], output_size[i])) /
           real(g.kernel[i] * output_size[i]);
  };
  const int64_t pixels = batch * output_size[0] * output_size[1] * output_size[2];
  const double plain = ModelOf(transformed).plain_slots * real(layer.instructions * pixels) *
                       inside(0) * inside(1) * inside(2);
  const double block_tiles = real(tiles) / real(CeilDiv(tiles, MostTiles(transformed)));
  const double slots =
      real(tiles * transformed.Algorithm().outputs) * PixelSlots(transformed, block_tiles);
  return slots < plain;
}

}  // namespace qconv
