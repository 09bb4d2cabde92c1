#include "transformed.h"

#include <algorithm>
#include <cstddef>

#include "dispatch/float_environment.h"
#include "pack/integers.h"
#include "pack/strassen_tiles.h"
#include "pack/tiles.h"
#include "pack/transformed.h"
#include "pack/winograd_tiles.h"
#include "stack.h"
#include "transform_model.h"

namespace qconv {
namespace {

using pack::CeilDiv;
using pack::ChannelGroup;
using pack::Dims;
using pack::PackedLayer;
using pack::Panel;

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
  // In int16s and int32s.
  int64_t InputStep() const {
    return depth_ * count_ + kTransformGapBytes / int64_t{sizeof(int16_t)};
  }
  int64_t ProductStep(int64_t columns) const {
    return columns * count_ + kTransformGapBytes / int64_t{sizeof(int32_t)};
  }
  int16_t* Input() { return reinterpret_cast<int16_t*>(scratch_); }

  // Of all kernel planes, one behind the other in each position.
  void Transform(const pack::TransformUnit& unit) {
    const int64_t planes = layer_.geometry.kernel[0];
    const int64_t depth = pack::TransformDepth(layer_.kernels->lanes, unit.channels);
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
  const uint8_t* pixels_[kMaxTransformedPixels];
  kernels::Row rows_[kMaxTransformedOutputs];
  alignas(kTransformGapBytes) std::byte scratch_[kTransformScratchBytes];
};

// Block t / splits, t % splits-th share of the panels.
__attribute__((noinline)) void RunTask(const Job& job, int64_t task) {
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
      [](const void* context, int64_t task) {
        CheckStack(sizeof(Block) + kCalleeBytes);
        RunTask(*static_cast<const Job*>(context), task);
      },
      &job);
}

}  // namespace

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
