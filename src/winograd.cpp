#include "winograd.h"

#include <algorithm>
#include <cstddef>

#include "dispatch/float_environment.h"
#include "pack/integers.h"
#include "pack/winograd.h"
#include "plan.h"

namespace qconv {
namespace {

using kernels::kWinogradOutputs;
using kernels::kWinogradPositions;
using pack::CeilDiv;
using pack::ChannelGroup;
using pack::Dims;
using pack::PackedLayer;
using pack::Panel;

constexpr int kSide = 4, kOutputSide = 2;

constexpr int64_t kMaxTiles = 64;  // of a block
// Few tiles read the weights from further away again and again.
constexpr int64_t kFewestTiles = 6;
// Of a block: transformed input and products. Both should stay in the second-level cache.
constexpr int64_t kScratchBytes = 336 * 1024;
constexpr int64_t kLineBytes = 64;

// How many tiles the scratch holds.
int64_t MostTiles(int64_t in_channels, int64_t columns) {
  const int64_t tile_bytes = kWinogradPositions * (in_channels * int64_t{sizeof(int16_t)} +
                                                   columns * int64_t{sizeof(int32_t)});
  const int64_t room = kScratchBytes - 2 * kWinogradPositions * kLineBytes;
  return std::min(room / tile_bytes, kMaxTiles);
}

int64_t Depth(const ChannelGroup& group) { return group.depth_groups * kernels::kDepthGroup; }

int64_t MostTilesOf(const PackedLayer& layer) {
  // The first group is the widest; panels may be.
  const kernels::KernelTable& table = *layer.kernels;
  return MostTiles(Depth(layer.groups[0]), table.shapes[table.shape_count - 1].columns);
}

// With a dilation of d the outputs of a tile, like its inputs, are d apart in a dimension: every
// d-th position is a phase with tiles of its own.
int64_t PhaseTiles(int64_t dilation, int64_t output) {
  return CeilDiv(CeilDiv(output, dilation), kOutputSide);
}
// Where the first output of tile `index` lies; it may be beyond the last one.
int64_t FirstOutput(int64_t dilation, int64_t output, int64_t index) {
  const int64_t tiles = PhaseTiles(dilation, output);
  return index / tiles + index % tiles * kOutputSide * dilation;
}

Dims TileGrid(const pack::Geometry& g, const Dims& output) {
  const auto tiles = [&](size_t i) {
    return std::min(g.dilation[i], output[i]) * PhaseTiles(g.dilation[i], output[i]);
  };
  return {output[0], tiles(1), tiles(2)};
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

// What all tasks of one Run share.
struct Job {
  const PackedLayer& layer;
  Dims input_size, output_size;
  const uint8_t* input;
  uint8_t* output;
  Dims grid;              // of tiles; planes are images
  int64_t tiles, blocks;  // of all images
  int64_t splits;         // shares of the panels
};

// A block of tiles. Lives on the stack of its task.
class Block {
 public:
  Block(const Job& job, int64_t first, int64_t count)
      : job_(job), layer_(job.layer), count_(count) {
    for (int64_t i = 0; i < count; ++i) Place(first + i, i);
  }

  // Computes panels [begin, end).
  void Run(int64_t begin, int64_t end) {
    int group = -1;
    for (int64_t p = begin; p < end; ++p) {
      const Panel& panel = layer_.panels[static_cast<size_t>(p)];
      if (panel.group != group) {
        group = panel.group;
        Transform(layer_.groups[static_cast<size_t>(group)]);
      }
      Multiply(panel);
    }
  }

 private:
  // Where the input and the output of a tile lie.
  void Place(int64_t tile, int64_t at) {
    const pack::Geometry& g = layer_.geometry;
    const Dims &in = job_.input_size, &out = job_.output_size;
    const int64_t dh = g.dilation[1], dw = g.dilation[2];
    const int64_t x = FirstOutput(dw, out[2], tile % job_.grid[2]);
    const int64_t y = FirstOutput(dh, out[1], tile / job_.grid[2] % job_.grid[1]);
    const int64_t image = tile / job_.grid[2] / job_.grid[1];
    for (int i = 0; i < kSide; ++i) {
      const int64_t h = y - g.padding[1] + i * dh;
      for (int j = 0; j < kSide; ++j) {
        const int64_t w = x - g.padding[2] + j * dw;
        const bool inside = h >= 0 && h < in[1] && w >= 0 && w < in[2];
        pixels_[at * kWinogradPositions + i * kSide + j] =
            inside ? job_.input + ((image * in[1] + h) * in[2] + w) * g.in_channels
                   : layer_.padding.data();
      }
    }
    for (int i = 0; i < kOutputSide; ++i) {
      for (int j = 0; j < kOutputSide; ++j) {
        const int64_t h = y + i * dh, w = x + j * dw;
        const bool inside = h < out[1] && w < out[2];
        rows_[at * kWinogradOutputs + i * kOutputSide + j] = {
            0, inside ? ((image * out[1] + h) * out[2] + w) * g.out_channels : -1};
      }
    }
  }

  // In int16s and int32s. A cache line more than there is, lest all positions of a tile fall into
  // the same set of a cache.
  int64_t InputStep() const {
    return input_channels_ * count_ + kLineBytes / int64_t{sizeof(int16_t)};
  }
  int64_t ProductStep(int64_t columns) const {
    return columns * count_ + kLineBytes / int64_t{sizeof(int32_t)};
  }
  int64_t Chunks() const { return input_channels_ / pack::WinogradChunk(layer_.kernels->lanes); }
  int16_t* Input() { return reinterpret_cast<int16_t*>(scratch_); }

  void Transform(const ChannelGroup& group) {
    input_channels_ = Depth(group);
    layer_.kernels->winograd_input({.pixels = pixels_,
                                    .channel = group.in_begin,
                                    .channels = group.in_channels,
                                    .tiles = count_,
                                    .output = Input(),
                                    .position_step = InputStep()});
  }

  void Multiply(const Panel& panel) {
    static constexpr int32_t kRowTerms[kWinogradOutputs] = {};  // zero points are in the weights
    const kernels::PanelShape& shape = layer_.kernels->shapes[panel.shape];
    kernels::WinogradTask task = {
        .input = Input(),
        .input_step = InputStep(),
        .tiles = count_,
        .chunks = Chunks(),
        .weights = layer_.weights.data() + panel.weights_offset,
        .products = reinterpret_cast<int32_t*>(Input() + kWinogradPositions * InputStep()),
        .product_step = ProductStep(shape.columns),
        .output = job_.output + panel.out_begin,
        .rows = rows_,
        .epilogue = layer_.Epilogue(panel),
        .columns = panel.columns};
    task.epilogue.row_terms = kRowTerms;
    (layer_.general_epilogue ? shape.winograd.general : shape.winograd.symmetric)(task);
  }

  const Job& job_;
  const PackedLayer& layer_;
  const int64_t count_;
  int64_t input_channels_ = 0;  // transformed, in whole chunks
  const uint8_t* pixels_[kMaxTiles * kWinogradPositions];
  kernels::Row rows_[kMaxTiles * kWinogradOutputs];
  alignas(kLineBytes) std::byte scratch_[kScratchBytes];
};

// Block t / splits, t % splits-th share of the panels.
void RunTask(const Job& job, int64_t task) {
  const dispatch::DefaultFloatEnvironment float_environment;
  const int64_t split = task % job.splits, index = task / job.splits;
  const int64_t begin = job.tiles * index / job.blocks, end = job.tiles * (index + 1) / job.blocks;
  const auto panels = static_cast<int64_t>(job.layer.panels.size());
  Block(job, begin, end - begin)
      .Run(panels * split / job.splits, panels * (split + 1) / job.splits);
}

}  // namespace

bool FitsWinograd(const PackedLayer& layer) { return MostTilesOf(layer) >= kFewestTiles; }

bool PrefersWinograd(const PackedLayer& layer, int64_t batch, const Dims& input_size,
                     const Dims& output_size) {
  if (layer.winograd == nullptr) return false;
  const Dims tiles = TileGrid(layer.geometry, output_size);
  const auto images = static_cast<double>(batch * output_size[0]);
  const auto taps = static_cast<double>(layer.geometry.Taps());
  double direct = images * static_cast<double>(layer.instructions) / taps;
  double winograd = images * static_cast<double>(layer.winograd->instructions) * kWinogradOutputs;
  for (size_t i = 1; i < 3; ++i) {
    direct *= static_cast<double>(TapsInside(layer.geometry, i, input_size[i], output_size[i]));
    winograd *= static_cast<double>(tiles[i]);
  }
  return winograd < direct;
}

void RunWinograd(const PackedLayer& layer, int64_t batch, const Dims& input_size,
                 const Dims& output_size, const uint8_t* input, uint8_t* output,
                 const Executor& executor) {
  const int threads = std::max(executor.Concurrency(), 1);
  Job job{.layer = layer,
          .input_size = input_size,
          .output_size = output_size,
          .input = input,
          .output = output,
          .grid = TileGrid(layer.geometry, output_size),
          .tiles = 0,
          .blocks = 0,
          .splits = 1};
  job.tiles = batch * job.grid[0] * job.grid[1] * job.grid[2];
  if (job.tiles == 0) return;
  int64_t most = MostTilesOf(layer);
  const int64_t tasks = threads == 1 ? 1 : kTasksPerThread * threads;
  if (tasks > 1) most = std::clamp(CeilDiv(job.tiles, tasks), kFewestTiles, most);
  job.blocks = CeilDiv(job.tiles, most);
  job.splits =
      std::clamp<int64_t>(CeilDiv(tasks, job.blocks), 1, static_cast<int64_t>(layer.panels.size()));
  executor.ParallelFor(
      job.blocks * job.splits,
      [](const void* context, int64_t task) { RunTask(*static_cast<const Job*>(context), task); },
      &job);
}

}  // namespace qconv
