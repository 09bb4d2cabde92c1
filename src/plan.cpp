// Longer than 250 lines: the ways to cut an image stand together, so that they can be compared.
#include "plan.h"

#include <algorithm>

#include "in_place.h"
#include "lane_tile.h"
#include "pack/integers.h"
#include "padding.h"

namespace qconv {
namespace {

using pack::CeilDiv;
using pack::Dims;
using pack::Feed;
using pack::FloorDiv;
using pack::Geometry;
using pack::PackedLayer;
using pack::Piece;
using pack::Segment;

// Whether the input of all pixels is gathered, output row by output row. Kernel rows that are read
// as runs cannot skip taps in w, so that the first and last pixels of each output row must be
// gathered in any case; where the gathered rows of a block are small, it takes less time to gather
// them whole than to run these pixels as pieces of their own. (3x3, stride 2, 3 -> 16 channels:
// 0.70 times the speed of oneDNN in pieces, 0.83 so.)
bool GathersRows(const PackedLayer& layer) {
  if (layer.feed == Feed::kStrips) return true;
  const Geometry& g = layer.geometry;
  const bool shared = g.stride[2] <= g.kernel[2] && g.padding[2] + g.padding_end[2] > 0;
  if (layer.feed != Feed::kRuns || !shared) return false;
  const int64_t pixel_bytes = g.kernel[0] * g.kernel[1] * g.stride[2] * g.in_channels;
  return pixel_bytes * kUsualBlockRows <= kCopyBytes;
}

// The shape of the first panels, which are the widest.
const kernels::PanelShape& MainShape(const PackedLayer& layer) {
  return layer.kernels->shapes[layer.panels[0].shape];
}

// Fills `segments`, which are none yet. (They are half a KiB: to return and assign them took a
// tenth of a squeeze layer.)
void CutWidth(const PackedLayer& layer, const Extent& width, Segments& segments) {
  if (GathersRows(layer)) {
    segments.Add({0, width.output, 0, width.kernel, true, 1});
    return;
  }
  switch (layer.feed) {
    case Feed::kTaps:
      // No narrower than a tile is tall: each tile reads the weights of all taps.
      if (!CutBySkipping(width, segments)) segments = CutByCovering(width, MainShape(layer).rows);
      break;
    case Feed::kRuns: {
      // Kernels read whole depth groups, up to three bytes more than the run; they must lie in the
      // image row too.
      const int64_t channels = layer.geometry.in_channels;
      const int64_t read = layer.groups[0].depth_groups * kernels::kDepthGroup;
      segments = CutByCopying(width, FloorDiv(width.input * channels - read, channels));
      break;
    }
    case Feed::kStrips:
    case Feed::kGathered:
    case Feed::kLanes:
    case Feed::kTransformed:  // not planned (transformed.h)
      segments.Add({0, width.output, 0, width.kernel, true, 1});
      break;
  }
}

// Likewise.
void CutOuter(const PackedLayer& layer, size_t dim, const Extent& extent, Segments& segments) {
  if (layer.feed == Feed::kGathered || (layer.feed == Feed::kStrips && dim == 1)) {
    segments.Add({0, extent.output, 0, extent.kernel, true, 1});
  } else if (!CutBySkipping(extent, segments)) {
    segments = CutByCovering(extent, /*narrowest=*/1);
  }
}

// Rows of a block. While all panels pass over it, its input should stay in the first-level cache;
// but where the panels do not stay in the second-level cache from block to block, few large blocks
// are better: each reads all the weights from further away. (3x3, 512 channels, 65x65: 0.95 times
// the speed of oneDNN with 48 rows, 1.04 with 240.)
int64_t BlockRows(const PackedLayer& layer) {
  constexpr int64_t kInputBytes = 24 * 1024, kFewest = 48;
  constexpr size_t kWeightBytes = 512 * 1024;
  if (layer.weights.size() + layer.chain_weights.size() > kWeightBytes) return kUsualBlockRows;
  const Geometry& g = layer.geometry;
  const bool gathers = GathersRows(layer);
  int64_t row_bytes =
      g.kernel[0] * std::min(g.stride[2], g.kernel[2]) * layer.groups[0].in_channels;
  // Gathered rows share input, as a rule (StripGatherer).
  row_bytes *= gathers ? std::min(g.stride[1], g.kernel[1]) : g.kernel[1];
  return std::clamp(kInputBytes / row_bytes, kFewest, gathers ? kMaxBlockRows : kUsualBlockRows);
}

// Rows of a block that leave enough tasks (blocks times panels) for all threads, as far as blocks
// can do something about it.
int64_t RowsForThreads(const PackedLayer& layer, int64_t pixels, int threads) {
  constexpr int64_t kFewest = 24;
  if (threads == 1) return kMaxBlockRows;
  const auto panels = static_cast<int64_t>(layer.panels.size());
  const int64_t tasks = TasksFor(threads);
  if (pixels > tasks * kMaxBlockRows) return kMaxBlockRows;
  return std::clamp(pixels * panels / tasks, kFewest, kMaxBlockRows);
}

// Rows of the blocks of a rectangle that is too large for one.
int64_t RowsOfBlocks(const PackedLayer& layer, const Piece& rectangle, int64_t most_rows) {
  int64_t most = most_rows;
  if (GathersRows(layer)) {  // whole output rows, or equal parts of one
    const int64_t width = rectangle.width();
    Piece run = rectangle;
    run.end = run.begin + width;
    const int64_t run_bytes = std::max<int64_t>(pack::CopyBytes(layer, run), 1);  // 0: no taps
    const int64_t runs = std::min(most / width, kCopyBytes / run_bytes);
    if (runs > 0) return runs * width;
  }
  if (rectangle.copied()) {
    most = std::max<int64_t>(pack::CopiedRows(layer, rectangle, most, kCopyBytes), 1);
  }
  if (GathersRows(layer)) return CeilDiv(rectangle.width(), CeilDiv(rectangle.width(), most));
  const kernels::PanelShape& shape = MainShape(layer);
  const int64_t width = rectangle.width();
  if (shape.even_rows > 0 && width > shape.rows && 2 * width <= most) {  // tiles end with each run
    const int64_t runs = rectangle.rows() / width;
    return CeilDiv(runs, CeilDiv(runs, most / width)) * width;
  }
  const int64_t unit = shape.rows;
  const int64_t rows = CeilDiv(rectangle.rows(), CeilDiv(rectangle.rows(), most));
  return std::min(most, CeilDiv(rows, unit) * unit);
}

// Whole output rows, in sets of those that share input: as many as leave enough tasks for all
// threads.
Dims InPlaceTile(const PackedLayer& layer, int64_t batch, const Dims& output, int threads) {
  const int64_t set = layer.spread.output_rows, step = layer.spread.row_step;
  const int64_t sets = CeilDiv(output[1], set);
  const int64_t tasks = TasksFor(threads);
  const int64_t images = std::max<int64_t>(batch * output[0], 1);  // of every step-th row
  const int64_t tiles = CeilDiv(tasks, images * std::min(step, tasks));
  return {1, std::clamp<int64_t>(CeilDiv(sets, tiles) * set, 1, std::max<int64_t>(output[1], 1)),
          std::max<int64_t>(output[2], 1)};
}

}  // namespace

int64_t ChooseSplits(int64_t blocks, int64_t panels, int threads) {
  return std::clamp<int64_t>(CeilDiv(TasksFor(threads), blocks), 1, panels);
}

bool PrefersRuns(const PackedLayer& layer, const Dims& input, const Dims& output) {
  const Geometry& g = layer.geometry;
  int64_t inside = 0;  // kernel rows, of all output rows
  for (int64_t tap = 0; tap < g.kernel[1]; ++tap) {
    const int64_t before = g.padding[1] - tap * g.dilation[1];  // rows from the first output's to 0
    const auto outputs = [&](int64_t row) {                     // whose kernel row is above it
      return std::clamp<int64_t>(CeilDiv(row + before, g.stride[1]), 0, output[1]);
    };
    inside += outputs(input[1]) - outputs(0);
  }
  const int64_t row_groups = layer.strips.row_groups + 1;
  return inside * row_groups < output[1] * layer.strips.DepthGroups();
}

ImagePlan::ImagePlan(const PackedLayer& layer, int64_t batch, const Dims& input, const Dims& output,
                     int threads, int64_t idle_outputs)
    : batch_(batch), input_(input), output_(output), idle_outputs_(idle_outputs) {
  if (layer.geometry.Pointwise()) {
    input_ = output_ = {1, 1, batch * input[0] * input[1] * input[2]};
    batch_ = 1;
  }
  if (layer.feed == Feed::kLanes) {
    CutTiles(layer, threads);
    return;
  }
  CutSegments(layer);
  CutBlocks(layer, threads);
}

void ImagePlan::CutSegments(const PackedLayer& layer) {
  const Geometry& g = layer.geometry;
  for (size_t i = 0; i < 3; ++i) {
    const Extent extent = {input_[i],   output_[i],    g.kernel[i],
                           g.stride[i], g.dilation[i], g.padding[i]};
    if (i == 2) {
      CutWidth(layer, extent, segments_[i]);
    } else {
      CutOuter(layer, i, extent, segments_[i]);
    }
  }
  const Padding padding = ChoosePadding(layer, output_, segments_);
  pads_ = padding != Padding::kNone;
  PadSegments(layer, output_, padding, segments_);
  if (idle_outputs_ > 0) CutLast(segments_[2]);
}

void ImagePlan::CutTiles(const PackedLayer& layer, int threads) {
  const int64_t pixels = batch_ * output_[0] * output_[1] * output_[2];
  kernel_ = layer.geometry.kernel;
  steps_ = {1, layer.spread.row_step, layer.spread.column_step};
  Dims extents;
  for (size_t i = 0; i < 3; ++i) extents[i] = CeilDiv(output_[i], steps_[i]);
  in_place_ = ReadsInPlace(layer, input_, output_);
  tile_ = in_place_
              ? InPlaceTile(layer, batch_, extents, threads)
              : ChooseLaneTile(layer, extents,
                               std::min(RowsForThreads(layer, pixels, threads), kLaneBlockRows),
                               kCopyBytes);
  for (size_t i = 0; i < 3; ++i) {
    tiles_[i] = steps_[i] * CeilDiv(extents[i], tile_[i]);
    // Where the extent is no multiple of the step, the last tiles may have no outputs.
    const int64_t left = output_[i] - (tiles_[i] / steps_[i] - 1) * tile_[i] * steps_[i];
    tiles_[i] -= std::max<int64_t>(steps_[i] - left, 0);
  }
  blocks_ = tiles_[0] * tiles_[1] * tiles_[2];
  copies_ = blocks_ > 0 && !in_place_;
}

Piece ImagePlan::Tile(int64_t index) const {
  const Dims place = {index / (tiles_[1] * tiles_[2]), index / tiles_[2] % tiles_[1],
                      index % tiles_[2]};
  Piece piece;
  piece.begin = 0;
  piece.end = 1;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t step = steps_[i];
    const int64_t first = place[i] / step * tile_[i] * step + place[i] % step;
    const int64_t end = std::min(first + tile_[i] * step, output_[i]);
    piece.segment[i] = {first, end, 0, kernel_[i], true, step};
    piece.end *= piece.segment[i].size();
  }
  return piece;
}

Piece ImagePlan::Rectangle(int index) const {
  Piece piece;
  for (int i = 2; i >= 0; --i) {
    const Segments& segments = segments_[static_cast<size_t>(i)];
    piece.segment[i] = segments.list[static_cast<size_t>(index % segments.count)];
    index /= segments.count;
  }
  piece.begin = 0;
  piece.end = 1;
  for (const Segment& segment : piece.segment) piece.end *= segment.end - segment.begin;
  return piece;
}

Piece ImagePlan::LargestRectangle() const {
  if (tile_[0] > 0) return Tile(0);
  Piece piece;
  piece.begin = 0;
  piece.end = 1;
  for (size_t i = 0; i < 3; ++i) {
    const auto rows = [](const Segment& segment) { return segment.end - segment.begin; };
    piece.segment[i] =
        *std::max_element(segments_[i].list.begin(), segments_[i].list.begin() + segments_[i].count,
                          [&](const Segment& a, const Segment& b) { return rows(a) < rows(b); });
    piece.end *= rows(piece.segment[i]);
  }
  return piece;
}

void ImagePlan::CutBlocks(const PackedLayer& layer, int threads) {
  const int64_t pixels = batch_ * output_[0] * output_[1] * output_[2];
  // A padded copy is of the whole image.
  most_rows_ =
      pads_ ? kUsualBlockRows : std::min(BlockRows(layer), RowsForThreads(layer, pixels, threads));
  const int rectangles = segments_[0].count * segments_[1].count * segments_[2].count;
  int64_t rows = 0, copy_bytes = 0;  // of the open span of small rectangles
  bool open = false;
  const auto open_span = [&](int rectangle, int64_t blocks, int64_t block_rows) {
    spans_[static_cast<size_t>(span_count_++)] = {
        static_cast<int16_t>(rectangle), 1, static_cast<int32_t>(block_rows), blocks_, blocks};
    blocks_ += blocks;
  };
  for (int r = 0; r < rectangles; ++r) {
    const Piece piece = Rectangle(r);
    copies_ = copies_ || piece.copied();
    const int64_t bytes = piece.copied() ? pack::CopyBytes(layer, piece) : 0;
    if (piece.rows() > most_rows_ || (bytes > kCopyBytes && piece.rows() > 1)) {
      const int64_t block_rows = RowsOfBlocks(layer, piece, most_rows_);
      const int64_t count = CeilDiv(piece.rows(), block_rows);
      open_span(r, count, block_rows);
      open = false;
      continue;
    }
    if (open) {
      Span& span = spans_[static_cast<size_t>(span_count_ - 1)];
      const bool fits = span.rectangles < kMaxPieces && rows + piece.rows() <= most_rows_ &&
                        (bytes == 0 || copy_bytes + bytes <= kCopyBytes);
      if (fits) {
        ++span.rectangles;
        rows += piece.rows();
        copy_bytes += bytes;
        continue;
      }
    }
    open_span(r, 1, most_rows_);
    rows = piece.rows();
    copy_bytes = bytes;
    open = true;
  }
}

int ImagePlan::PiecesOf(int64_t index, Piece (&pieces)[kMaxPieces]) const {
  if (tile_[0] > 0) {
    pieces[0] = Tile(index);
    return 1;
  }
  int s = 0;
  while (index >=
         spans_[static_cast<size_t>(s)].first_block + spans_[static_cast<size_t>(s)].blocks) {
    ++s;
  }
  const Span& span = spans_[static_cast<size_t>(s)];
  for (int i = 0; i < span.rectangles; ++i) pieces[i] = Rectangle(span.first_rectangle + i);
  if (span.blocks > 1) {
    pieces[0].begin = (index - span.first_block) * span.block_rows;
    pieces[0].end = std::min(pieces[0].end, pieces[0].begin + span.block_rows);
  }
  return span.rectangles;
}

}  // namespace qconv
