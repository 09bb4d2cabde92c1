#include "transformed.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>

#include "dispatch/float_environment.h"
#include "pack/integers.h"
#include "pack/strassen_tiles.h"
#include "pack/tiles.h"
#include "pack/transformed.h"
#include "pack/winograd_tiles.h"
#include "plan.h"

namespace qconv {
namespace {

using pack::CeilDiv;
using pack::ChannelGroup;
using pack::Dims;
using pack::PackedLayer;
using pack::Panel;

// Of a block: pixels of output, and where its tiles have their input.
constexpr int64_t kMaxOutputs = 512, kMaxPixels = 1152;
// Few tiles read the weights from further away again and again.
constexpr int64_t kFewestTiles = 6;
// Of a block: transformed input and products. Both should stay in the second-level cache, where
// that has a MiB.
constexpr int64_t kScratchBytes = 656 * 1024;
constexpr int64_t kLineBytes = 64;

// Which images take less time so, by measurement of 160 3x3 layers of 32 to 1024 channels on images
// of 2x2 to 56x56, on all ISAs: a choice by these numbers takes 0.7 % more time than the best one.
// Plain kernels take some slots beside those counted. Weights take as long to fetch as so many
// tiles to multiply with, on 512-bit vectors with VNNI: from the second-level cache, the third, or
// memory.
// (For Strassen's algorithm and widened input: 56 1x1 layers of 16 to 2048 channels, uniform
// weights and trained ones, on AVX2 and AVX-512; 0.5 %.)
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
    {1 << 20, 2}, {48 << 20, 8}, {std::numeric_limits<int64_t>::max(), 16}};

const Model& ModelOf(const PackedLayer& layer) {
  return kModels[static_cast<size_t>(layer.transform)];
}

// In whole chunks, as a unit has one at least.
int64_t Depth(const PackedLayer& layer, const pack::TransformUnit& unit) {
  return pack::TransformDepth(layer.kernels->lanes, unit.channels);
}

// How many tiles the scratch holds.
int64_t MostTiles(const PackedLayer& layer) {
  // The first group is the widest; a panel may have the widest shape.
  const kernels::KernelTable& table = *layer.kernels;
  const int64_t depth = layer.geometry.kernel[0] * Depth(layer, UnitOf(layer, layer.groups[0]));
  const int64_t columns = kernels::kTransformedVectors * table.lanes;
  const int64_t product_bytes = columns * int64_t{sizeof(int32_t)};
  const auto& [name, positions, pixels, outputs, blocks] = layer.Algorithm();
  int64_t tile_bytes = positions * (depth * int64_t{sizeof(int16_t)} + product_bytes);
  if (layer.transform_parts > 1) tile_bytes += outputs * product_bytes;
  const int64_t room = kScratchBytes - 3 * positions * kLineBytes;
  return std::min({room / tile_bytes, kMaxOutputs / outputs, kMaxPixels / pixels});
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

// Panels that share their weights.
int64_t PanelSets(const PackedLayer& layer) {
  return std::ssize(layer.panels) / layer.Algorithm().blocks;
}

// What all tasks of one Run share.
struct Job {
  const PackedLayer& layer;
  const pack::Tiles& tiles;
  uint8_t* output;
  int64_t tile_count, blocks;  // of all images
  int64_t splits;              // shares of the panels, in sets
};

// A block of tiles. Lives on the stack of its task.
class Block {
 public:
  Block(const Job& job, int64_t first, int64_t count)
      : job_(job), layer_(job.layer), first_(first), count_(count) {}

  // Computes sets of panels [begin, end).
  void Run(int64_t begin, int64_t end) {
    const int64_t size = layer_.Algorithm().blocks;
    for (int64_t p = begin * size; p < end * size; p += size) {
      const Panel* panels = &layer_.panels[static_cast<size_t>(p)];
      const ChannelGroup& group = layer_.groups[static_cast<size_t>(panels->group)];
      const pack::TransformUnit unit = UnitOf(layer_, group);
      if (unit != unit_) Transform(unit);
      Multiply(panels, group);
    }
  }

 private:
  // In int16s and int32s. A cache line more than there are data, lest all positions of a tile fall
  // into the same set of a cache.
  int64_t InputStep() const { return depth_ * count_ + kLineBytes / int64_t{sizeof(int16_t)}; }
  int64_t ProductStep(int64_t columns) const {
    return columns * count_ + kLineBytes / int64_t{sizeof(int32_t)};
  }
  int16_t* Input() { return reinterpret_cast<int16_t*>(scratch_); }

  // Of all kernel planes, one behind the other in each position.
  void Transform(const pack::TransformUnit& unit) {
    const int64_t planes = layer_.geometry.kernel[0], depth = Depth(layer_, unit);
    unit_ = unit;
    depth_ = planes * depth;
    for (int64_t plane = 0; plane < planes; ++plane) {
      if (plane != plane_) job_.tiles.Place(first_, count_, plane, pixels_, rows_);
      plane_ = plane;
      layer_.kernels->transforms[layer_.transform]({.pixels = pixels_,
                                                    .channel = unit.begin,
                                                    .channels = unit.channels,
                                                    .tiles = count_,
                                                    .output = Input() + plane * depth * count_,
                                                    .position_step = InputStep()});
    }
  }

  // The panels of a set share their weights.
  void Multiply(const Panel* panels, const ChannelGroup& group) {
    const int lanes = layer_.kernels->lanes;
    const int64_t chunk = pack::TransformChunk(lanes), chunks = depth_ / chunk;
    const kernels::Transform& transform = layer_.Algorithm();
    // Of narrow groups a few channels beyond the chunk may be read, with weights of zero: those of
    // the next tile, or what lies behind the last one.
    const pack::ChannelOrder order(lanes, group.in_channels / transform.blocks);
    const kernels::PanelShape& shape = layer_.kernels->shapes[panels->shape];
    kernels::TransformedTask task = {
        .input = Input() + group.in_begin - unit_.begin,
        .input_step = InputStep(),
        .tiles = count_,
        .chunks = chunks,
        .plane_chunks = chunks / layer_.geometry.kernel[0],
        .part_chunks = CeilDiv(chunks, layer_.transform_parts),
        .pairs = chunk / 2,
        .last_pairs = order.last_count() / 2,
        .last_begin = order.last_begin() / 2,
        .weights = layer_.weights.data() + panels->weights_offset,
        .weight_step = layer_.TapWeightBytes(*panels),
        .products = reinterpret_cast<int32_t*>(Input() + transform.positions * InputStep()),
        .product_step = ProductStep(shape.columns),
        .output = job_.output + panels->out_begin,
        .block_step = layer_.geometry.out_channels / transform.blocks,
        .rows = rows_,
        .epilogues = {},
        .columns = panels->columns};
    for (int i = 0; i < transform.blocks; ++i) task.epilogues[i] = &panels[i].epilogue;
    shape.transformed.multiply[layer_.transform](task);
  }

  const Job& job_;
  const PackedLayer& layer_;
  const int64_t first_, count_;
  int64_t plane_ = -1;             // of the kernel, whose pixels are placed
  pack::TransformUnit unit_ = {};  // transformed
  int64_t depth_ = 0;              // of it, all kernel planes
  const uint8_t* pixels_[kMaxPixels];
  kernels::Row rows_[kMaxOutputs];
  alignas(kLineBytes) std::byte scratch_[kScratchBytes];
};

// Block t / splits, t % splits-th share of the panels.
void RunTask(const Job& job, int64_t task) {
  const dispatch::DefaultFloatEnvironment float_environment;
  const int64_t split = task % job.splits, index = task / job.splits;
  const int64_t size = job.tile_count / job.blocks, longer = job.tile_count % job.blocks;
  const int64_t begin = size * index + std::min(index, longer);
  const int64_t panels = PanelSets(job.layer);
  Block(job, begin, size + (index < longer ? 1 : 0))
      .Run(panels * split / job.splits, panels * (split + 1) / job.splits);
}

void RunTiles(const PackedLayer& layer, const pack::Tiles& tiles, int64_t count, uint8_t* output,
              const Executor& executor) {
  const int threads = std::max(executor.Concurrency(), 1);
  const auto [blocks, splits] = ChooseTransformedShares(layer, count, threads);
  const Job job{.layer = layer,
                .tiles = tiles,
                .output = output,
                .tile_count = count,
                .blocks = blocks,
                .splits = splits};
  executor.ParallelFor(
      blocks * splits,
      [](const void* context, int64_t task) { RunTask(*static_cast<const Job*>(context), task); },
      &job);
}

}  // namespace

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

void RunTransformed(const PackedLayer& layer, int64_t batch, const Dims& input_size,
                    const Dims& output_size, const uint8_t* input, uint8_t* output,
                    const Executor& executor) {
  const int64_t count = CountTiles(layer, batch, output_size);
  if (count == 0) return;
  if (layer.transform == kernels::kWinograd) {
    const pack::WinogradTiles tiles(layer, input_size, output_size, input);
    RunTiles(layer, tiles, count, output, executor);
  } else {
    const pack::StrassenTiles tiles(layer, batch, input_size, output_size, input);
    RunTiles(layer, tiles, count, output, executor);
  }
}

}  // namespace qconv
