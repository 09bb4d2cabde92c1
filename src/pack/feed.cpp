// Longer than 250 lines: the ways to find input stand together, so that they can be compared.
#include "pack/feed.h"

#include <algorithm>

#include "pack/gather.h"
#include "pack/lane_feed.h"
#include "pack/pad_image.h"

namespace qconv::pack {
namespace {

// Calls run(first output position [d, h, w], count, first row) for each maximal run of pixels of
// the piece that are neighbours in w.
template <class F>
void ForEachRun(const Piece& piece, const F& run) {
  const int64_t width = piece.width(), height = piece.height();
  int64_t x = piece.begin % width;
  int64_t y = piece.begin / width % height;
  int64_t z = piece.begin / width / height;
  for (int64_t p = piece.begin; p < piece.end;) {
    const int64_t count = std::min(width - x, piece.end - p);
    run(Dims{piece.segment[0].begin + z, piece.segment[1].begin + y, piece.segment[2].begin + x},
        count, p - piece.begin);
    p += count;
    x = 0;
    if (++y == height) {
      y = 0;
      ++z;
    }
  }
}

// Neighbours in w, `step` bytes of input apart.
kernels::RowRuns RunsOf(const Piece& piece, int64_t step) {
  const int64_t width = piece.width();
  return {.first = width - piece.begin % width, .count = width, .step = step};
}

// Tap strides of a piece whose kernel rows are `row` bytes apart, kernel planes `plane` bytes and
// taps within a row `tap` bytes; `merged`: the taps of a row are one run.
PieceFeed MakeFeed(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                   int64_t plane, int64_t row, int64_t tap, bool merged) {
  const bool runs = layer.feed == Feed::kRuns;
  const int64_t in_row = piece.segment[2].taps();  // taps of a kernel row
  const int64_t grid_w = layer.tap_grid[2], grid_h = layer.tap_grid[1];
  PieceFeed feed;
  feed.row_count = piece.rows();
  feed.runs = {0, 0, 0};
  feed.taps[0] = {piece.segment[0].taps(), plane, grid_h * grid_w};
  feed.taps[1] = {piece.segment[1].taps(), row, grid_w};
  feed.taps[2] = {merged ? 1 : in_row, tap, 1};
  feed.depth_groups = group.depth_groups * (merged && !runs ? in_row : 1);
  feed.sum_bytes = runs ? group.tap_bytes : feed.depth_groups * kernels::kDepthGroup;
  feed.first_tap = (piece.segment[0].tap_begin * grid_h + piece.segment[1].tap_begin) * grid_w +
                   (runs ? 0 : piece.segment[2].tap_begin);
  feed.taps_in_row = runs ? 1 : in_row;
  const int64_t taps = piece.segment[0].taps() * piece.segment[1].taps() * in_row;
  feed.all_taps = taps == layer.geometry.Taps();
  feed.products = taps * group.in_channels;
  feed.group_inputs = nullptr;
  feed.group_count = 0;
  return feed;
}

// Offset of a position in a tensor of `channels`.
int64_t Offset(const Dims& size, int64_t channels, int64_t d, int64_t h, int64_t w) {
  return ((d * size[1] + h) * size[2] + w) * channels;
}

// Offset of an output pixel; rows are shorter by the channels that are not there.
int64_t OutputOffset(const ImageView& image, const Geometry& g, const Dims& at) {
  const int64_t rows_before = at[0] * image.output_size[1] + at[1];
  return Offset(image.output_size, g.out_channels, at[0], at[1], at[2]) -
         rows_before * image.idle_outputs;
}

// Of a copied piece: what its list of depth groups takes, if there is one.
constexpr int64_t kListBytes = sizeof(int64_t);
int64_t ListBytes(const PackedLayer& layer, int64_t planes) {
  return layer.feed == Feed::kStrips ? planes * layer.strips.DepthGroups() * kListBytes : 0;
}

// Whether a copied piece has one strip for each of its runs, all of one size.
bool SharesStrips(const PackedLayer& layer, const Piece& piece) {
  const int64_t outputs = std::min(piece.rows(), piece.width());
  return layer.feed == Feed::kGathered
             ? QuadGatherer::WindowsShare(layer.geometry, outputs)
             : StripGatherer::WindowsShare(layer.geometry, piece.segment[2].taps(), outputs);
}

// Bytes of such a strip, or of that of a pixel. (Of groups, the first one has the most channels.)
int64_t StripBytes(const PackedLayer& layer, const Piece& piece) {
  const Geometry& g = layer.geometry;
  const ChannelGroup& group = layer.groups[0];
  const int64_t outputs =
      SharesStrips(layer, piece) ? std::min(piece.rows(), piece.width()) : int64_t{1};
  if (layer.feed == Feed::kGathered) {
    return outputs > 1 ? QuadGatherer::StripBytes(g, group, outputs)
                       : QuadGatherer::WindowBytes(g, group);
  }
  return piece.segment[0].taps() * piece.segment[1].taps() *
         StripGatherer::RowBytes(layer, group, piece.segment[2].taps(), outputs);
}

// From the strip of an output row to that of the next, for pieces of whole rows.
int64_t StripStep(const PackedLayer& layer, const Piece& piece) {
  const int64_t bytes = StripBytes(layer, piece);
  if (!StripGatherer::RowsShare(layer.geometry, piece)) return bytes;
  return bytes / piece.segment[1].taps() * layer.geometry.stride[1];
}

// Makes the feed of strips one of kStrips: planes for taps, their depth groups in a list. (The
// other taps are for row sums only. Where all planes are padding, there are neither groups nor
// taps.)
void ListGroups(const PackedLayer& layer, int64_t planes, const StripGatherer& gatherer,
                int64_t* list, PieceFeed& feed) {
  const StripLayout& strips = layer.strips;
  const int64_t row = gatherer.row_bytes();
  ListStripGroups(strips, planes, strips.rows * row, row, gatherer.joined(), list);
  feed.group_inputs = list;
  feed.group_count = planes * strips.DepthGroups();
  feed.depth_groups = strips.DepthGroups();
  feed.taps[1] = {1, 0, 0};
  feed.taps[2] = {strips.rows, row, 0};
  feed.taps_in_row = 1;
  feed.sum_bytes = strips.row_groups * kernels::kDepthGroup + strips.remainder;
}

PieceFeed FeedStrips(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                     const ImageView& image, const RunRows& run_rows, std::byte* scratch,
                     kernels::Row* room) {
  const Geometry& g = layer.geometry;
  const int64_t planes = piece.segment[0].taps();
  auto* const list = reinterpret_cast<int64_t*>(scratch);
  scratch += ListBytes(layer, planes);
  StripGatherer gatherer(layer, group, piece, image, scratch);
  const auto* input = reinterpret_cast<const uint8_t*>(scratch);
  const int64_t in_step = g.stride[2] * group.in_channels;
  const kernels::Row* rows = run_rows.Of(piece);
  int64_t first_out = 0;
  ForEachRun(piece, [&](Dims at, int64_t count, int64_t row) {
    int64_t out = OutputOffset(image, g, at);
    if (row == 0) first_out = out;
    out -= first_out;
    while (count > 0) {
      const int64_t n = std::min(count, gatherer.strip_outputs());
      const int64_t in = gatherer.Gather(at, n) - input;
      if (rows == nullptr) {
        for (int64_t i = 0; i < n; ++i) {
          room[row + i] = {in + i * in_step, out + i * g.out_channels};
        }
      }
      out += n * g.out_channels;
      row += n;
      at[2] += n;
      count -= n;
    }
  });
  PieceFeed feed = MakeFeed(layer, group, piece, piece.segment[1].taps() * gatherer.row_bytes(),
                            gatherer.row_bytes(), gatherer.tap_step() * group.in_channels,
                            /*merged=*/gatherer.tap_step() == 1);
  if (layer.feed == Feed::kStrips) ListGroups(layer, planes, gatherer, list, feed);
  feed.input = input;
  feed.output = image.output + first_out;
  feed.rows = rows != nullptr ? rows : room;
  if (gatherer.strip_outputs() >= std::min(piece.width(), piece.rows())) {
    feed.runs = RunsOf(piece, in_step);
  }
  return feed;
}

PieceFeed FeedGathered(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                       const ImageView& image, std::byte* scratch, kernels::Row* rows) {
  const Geometry& g = layer.geometry;
  QuadGatherer gatherer(layer, group, image, std::min(piece.width(), piece.rows()), scratch);
  const auto* input = reinterpret_cast<const uint8_t*>(scratch);
  ForEachRun(piece, [&](Dims at, int64_t count, int64_t row) {
    int64_t out = OutputOffset(image, g, at);
    while (count > 0) {
      const int64_t n = std::min(count, gatherer.strip_outputs());
      int64_t in = gatherer.Gather(at, n) - input;
      for (int64_t i = 0; i < n; ++i, in += gatherer.output_bytes(), out += g.out_channels) {
        rows[row++] = {in, out};
      }
      at[2] += n;
      count -= n;
    }
  });
  PieceFeed feed = MakeFeed(layer, group, piece, g.kernel[1] * gatherer.row_bytes(),
                            gatherer.row_bytes(), gatherer.tap_bytes(), false);
  feed.sum_bytes = group.tap_bytes;
  feed.input = input;
  feed.output = image.output;
  feed.rows = rows;
  return feed;
}

PieceFeed FeedInPlace(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                      const ImageView& image, const RunRows& run_rows, kernels::Row* room) {
  const Geometry& g = layer.geometry;
  const int64_t channels = image.channels;
  const int64_t row_stride = image.input_size[2] * channels;
  const int64_t plane_stride = image.input_size[1] * row_stride;
  const bool merged =
      layer.feed == Feed::kRuns || (group.in_channels == channels && g.dilation[2] == 1);
  // Of a single tap it may be beyond any tensor.
  const auto tap_step = [&](int i, int64_t stride) {
    return piece.segment[i].taps() > 1 ? g.dilation[i] * stride : 0;
  };
  PieceFeed feed = MakeFeed(layer, group, piece, tap_step(0, plane_stride), tap_step(1, row_stride),
                            tap_step(2, channels), merged);
  feed.rows = run_rows.Of(piece);
  const auto start = [&](const Dims& at, int i) {
    return at[i] * g.stride[i] - image.padding[static_cast<size_t>(i)] +
           piece.segment[i].tap_begin * g.dilation[i];
  };
  const int64_t in_step = g.stride[2] * channels, out_step = g.out_channels;
  feed.runs = RunsOf(piece, in_step);
  int64_t first_in = 0, first_out = 0;
  ForEachRun(piece, [&](const Dims& at, int64_t count, int64_t row) {
    int64_t in = Offset(image.input_size, channels, start(at, 0), start(at, 1), start(at, 2));
    int64_t out = OutputOffset(image, g, at);
    if (row == 0) {
      first_in = in;
      first_out = out;
    }
    if (feed.rows != nullptr) return;
    for (kernels::Row* r = room + row; r < room + row + count; ++r) {
      *r = {in - first_in, out - first_out};
      in += in_step;
      out += out_step;
    }
  });
  if (feed.rows == nullptr) feed.rows = room;
  feed.input = image.input + first_in + group.in_begin - image.first_channel;
  feed.output = image.output + first_out;
  return feed;
}

}  // namespace

int64_t WindowBytes(const PackedLayer& layer) {
  if (layer.feed == Feed::kLanes) return SpreadBytes(layer, {1, 1, 1});
  int64_t most = 0;
  for (const ChannelGroup& group : layer.groups) {
    most = std::max(most, layer.feed == Feed::kGathered
                              ? QuadGatherer::WindowBytes(layer.geometry, group)
                              : StripGatherer::WindowBytes(layer, group));
  }
  return ListBytes(layer, layer.geometry.kernel[0]) + most;
}

int64_t CopyBytes(const PackedLayer& layer, const Piece& piece) {
  if (layer.feed == Feed::kLanes) return SpreadBytes(layer, piece.extents());
  const int64_t runs = (piece.end - 1) / piece.width() - piece.begin / piece.width() + 1;
  const int64_t strips = SharesStrips(layer, piece) ? runs : piece.rows();
  return RoundUp(ListBytes(layer, piece.segment[0].taps()) + strips * StripBytes(layer, piece),
                 kListBytes);
}

int64_t CopiedRows(const PackedLayer& layer, const Piece& rectangle, int64_t most, int64_t bytes) {
  const auto fits = [&](int64_t rows) {
    Piece piece = rectangle;
    // Pieces that begin with the last pixel of a run touch the most runs.
    piece.begin += std::min(rectangle.width() - 1, rectangle.rows() - rows);
    piece.end = piece.begin + rows;
    return CopyBytes(layer, piece) <= bytes;
  };
  int64_t fit = 0;
  for (int64_t beyond = std::min(most, rectangle.rows()) + 1; beyond - fit > 1;) {
    const int64_t rows = (fit + beyond) / 2;
    (fits(rows) ? fit : beyond) = rows;
  }
  return fit;
}

RunRows::RunRows(const PackedLayer& layer, const Piece& rectangle, int64_t most,
                 const Dims& input_size, const Dims& output_size, bool padded, int64_t idle_outputs)
    : copied_(rectangle.copied()),
      taps_{rectangle.segment[0].taps(), rectangle.segment[1].taps()},
      width_(rectangle.width()) {
  const Geometry& g = layer.geometry;
  const int64_t channels = padded ? PaddedChannels(layer) : g.in_channels;
  const int64_t input_width = padded ? PaddedSize(g, output_size)[2] : input_size[2];
  const int64_t in_step = g.stride[2] * channels, out_step = g.out_channels;
  // From run to run. (With a single one the stride may be beyond any tensor.)
  int64_t in_run = rectangle.height() > 1 ? g.stride[1] * input_width * channels : 0;
  if (copied_) {
    const bool even = layer.feed == Feed::kRuns || layer.feed == Feed::kStrips;
    if (!even || !SharesStrips(layer, rectangle)) {
      width_ = 0;
      return;
    }
    in_run = StripStep(layer, rectangle);
  }
  const int64_t out_run = output_size[2] * out_step - idle_outputs;
  const int64_t rows = std::min(rectangle.rows(), most);
  kernels::Row run = {0, 0};
  for (int64_t r = 0; r < rows; run.input += in_run, run.output += out_run) {
    const int64_t end = std::min(r + width_, rows);
    kernels::Row row = run;
    for (; r < end; ++r, row.input += in_step, row.output += out_step) rows_[r] = row;
  }
}

const kernels::Row* RunRows::Of(const Piece& piece) const {
  if (piece.copied() != copied_ || width_ == 0) return nullptr;
  const int64_t x = piece.begin % piece.width();
  const bool part_of_run = x + piece.rows() <= std::min(piece.width(), width_);
  const int64_t y = piece.begin / piece.width() % piece.height();
  const bool same_runs = piece.width() == width_ && piece.segment[0].taps() == taps_[0] &&
                         piece.segment[1].taps() == taps_[1];
  const bool whole_runs =
      x == 0 && same_runs && y * width_ + piece.rows() <= piece.height() * width_;
  return part_of_run || whole_runs ? rows_ : nullptr;
}

PieceFeed FeedPiece(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                    const ImageView& image, const RunRows& run_rows, std::byte* scratch,
                    kernels::Row* room) {
  const auto feed_piece = [&] {
    if (!piece.copied()) return FeedInPlace(layer, group, piece, image, run_rows, room);
    return layer.feed == Feed::kGathered
               ? FeedGathered(layer, group, piece, image, scratch, room)
               : FeedStrips(layer, group, piece, image, run_rows, scratch, room);
  };
  PieceFeed feed = feed_piece();
  // A piece has all or none of the last pixels of rows (ImagePlan).
  feed.idle_outputs = piece.segment[2].end == image.output_size[2] ? image.idle_outputs : 0;
  return feed;
}

}  // namespace qconv::pack
