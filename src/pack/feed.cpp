#include "pack/feed.h"

#include <algorithm>
#include <cstring>

namespace qconv::pack {
namespace {

// Calls run(first output position [d, h, w], count, first row) for each maximal run of pixels of the
// piece that are neighbours in w.
template <class F>
void ForEachRun(const Piece& piece, const F& run) {
  const int64_t width = piece.segment[2].end - piece.segment[2].begin;
  const int64_t height = piece.segment[1].end - piece.segment[1].begin;
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

int64_t TapBox(const Piece& piece, int i) {
  return piece.segment[i].tap_end - piece.segment[i].tap_begin;
}

// Whether neighbouring pixels can share one gathered strip of input rows: their windows overlap or
// touch, and taps are neighbours.
bool WindowsShare(const Geometry& g) { return g.dilation[2] == 1 && g.stride[2] <= g.kernel[2]; }

// Bytes of one row of a strip of `pixels` input pixels. Kernels read whole depth groups.
int64_t StripRowBytes(const ChannelGroup& group, int64_t pixels) {
  return (pixels * group.pixel_bytes + kernels::kDepthGroup - 1) / kernels::kDepthGroup *
         kernels::kDepthGroup;
}

// Gathers windows of neighbouring pixels into strips: an input row for each kernel row. If windows do
// not share, each pixel gets a strip of just its kw taps.
class Copier {
 public:
  Copier(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
         const ImageView& image, std::byte* scratch)
      : layer_(layer),
        g_(layer.geometry),
        group_(group),
        piece_(piece),
        image_(image),
        next_(reinterpret_cast<uint8_t*>(scratch)) {
    const int64_t width = piece.segment[2].end - piece.segment[2].begin;
    strip_outputs_ = WindowsShare(g_) ? std::min(width, piece.rows()) : 1;
    row_bytes_ = StripRowBytes(group, InputPixels(strip_outputs_));
  }

  int64_t strip_outputs() const { return strip_outputs_; }  // a strip serves so many, at most
  int64_t row_bytes() const { return row_bytes_; }

  // Gathers the windows of `count` <= strip_outputs() pixels from output position `at`.
  const uint8_t* Copy(const Dims& at, int64_t count) {
    const uint8_t* strip = next_;
    const int64_t pixels = InputPixels(count);
    for (int64_t i = piece_.segment[0].tap_begin; i < piece_.segment[0].tap_end; ++i) {
      for (int64_t j = piece_.segment[1].tap_begin; j < piece_.segment[1].tap_end; ++j) {
        CopyRow(InputPosition(at, 0, i), InputPosition(at, 1, j),
                InputPosition(at, 2, piece_.segment[2].tap_begin), pixels);
      }
    }
    return strip;
  }

 private:
  int64_t InputPixels(int64_t outputs) const {
    return (outputs - 1) * g_.stride[2] + TapBox(piece_, 2);
  }

  int64_t InputPosition(const Dims& at, int dim, int64_t tap) const {
    return at[dim] * g_.stride[dim] - g_.padding[dim] + tap * g_.dilation[dim];
  }

  void CopyRow(int64_t z, int64_t y, int64_t x, int64_t pixels) {
    uint8_t* out = next_;
    next_ += row_bytes_;
    const Dims& size = image_.input_size;
    const bool inside = z >= 0 && z < size[0] && y >= 0 && y < size[1];
    const uint8_t* row =
        inside ? image_.input + (z * size[1] + y) * size[2] * g_.in_channels + group_.in_begin
               : nullptr;
    const bool dense = group_.in_channels == g_.in_channels &&
                       group_.pixel_bytes == g_.in_channels && g_.dilation[2] == 1;
    if (inside && dense) {
      CopyDense(row, x, pixels, out);
    } else {
      for (int64_t i = 0; i < pixels; ++i, x += g_.dilation[2]) {
        CopyPixel(inside && x >= 0 && x < size[2] ? row + x * g_.in_channels : nullptr,
                  out + i * group_.pixel_bytes);
      }
    }
    for (int64_t i = pixels * group_.pixel_bytes; i < row_bytes_; ++i) out[i] = 0;
  }

  // Pixels [x, x + pixels) of an input row, those outside it filled with the zero point.
  void CopyDense(const uint8_t* row, int64_t x, int64_t pixels, uint8_t* out) {
    const int64_t width = image_.input_size[2];
    const int64_t before = std::clamp<int64_t>(-x, 0, pixels);
    const int64_t end = std::clamp<int64_t>(width - x, before, pixels);
    const auto bytes = [this](int64_t n) { return static_cast<size_t>(n * g_.in_channels); };
    if (before > 0) std::memset(out, layer_.input_zero_point, bytes(before));
    if (end > before) {
      std::memcpy(out + bytes(before), row + bytes(x + before), bytes(end - before));
    }
    if (end < pixels) std::memset(out + bytes(end), layer_.input_zero_point, bytes(pixels - end));
  }

  void CopyPixel(const uint8_t* pixel, uint8_t* out) {
    const auto channels = static_cast<size_t>(group_.in_channels);
    if (pixel != nullptr) {
      std::memcpy(out, pixel, channels);
    } else {
      std::memset(out, layer_.input_zero_point, channels);
    }
    std::memset(out + channels, 0, static_cast<size_t>(group_.pixel_bytes) - channels);
  }

  const PackedLayer& layer_;
  const Geometry& g_;
  const ChannelGroup& group_;
  const Piece& piece_;
  const ImageView& image_;
  uint8_t* next_;
  int64_t strip_outputs_, row_bytes_;
};

// Tap strides of a piece whose kernel rows are `row` bytes apart, kernel planes `plane` bytes and
// taps within a row `tap` bytes; `merged`: the taps of a row are one run.
PieceFeed MakeFeed(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                   int64_t plane, int64_t row, int64_t tap, bool merged) {
  const bool runs = layer.feed == Feed::kRuns;
  const int64_t in_row = TapBox(piece, 2);  // taps of a kernel row
  const int64_t grid_w = layer.tap_grid[2], grid_h = layer.tap_grid[1];
  PieceFeed feed;
  feed.taps[0] = {TapBox(piece, 0), plane, grid_h * grid_w};
  feed.taps[1] = {TapBox(piece, 1), row, grid_w};
  feed.taps[2] = {merged ? 1 : in_row, tap, 1};
  feed.depth_groups = group.depth_groups * (merged && !runs ? in_row : 1);
  feed.sum_bytes = runs ? group.tap_bytes : feed.depth_groups * kernels::kDepthGroup;
  feed.first_tap = (piece.segment[0].tap_begin * grid_h + piece.segment[1].tap_begin) * grid_w +
                   (runs ? 0 : piece.segment[2].tap_begin);
  feed.taps_in_row = runs ? 1 : in_row;
  const int64_t taps = TapBox(piece, 0) * TapBox(piece, 1) * in_row;
  feed.all_taps = taps == layer.geometry.Taps();
  feed.products = taps * group.in_channels;
  return feed;
}

// Offset of a position in a tensor of `channels`.
int64_t Offset(const Dims& size, int64_t channels, int64_t d, int64_t h, int64_t w) {
  return ((d * size[1] + h) * size[2] + w) * channels;
}

PieceFeed FeedCopied(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                     const ImageView& image, std::byte* scratch, kernels::Row* rows) {
  const Geometry& g = layer.geometry;
  Copier copier(layer, group, piece, image, scratch);
  const auto* input = reinterpret_cast<const uint8_t*>(scratch);
  const int64_t in_step = g.stride[2] * group.pixel_bytes;
  ForEachRun(piece, [&](Dims at, int64_t count, int64_t row) {
    int64_t out = Offset(image.output_size, g.out_channels, at[0], at[1], at[2]);
    while (count > 0) {
      const int64_t n = std::min(count, copier.strip_outputs());
      int64_t in = copier.Copy(at, n) - input;
      for (int64_t i = 0; i < n; ++i, in += in_step, out += g.out_channels) rows[row++] = {in, out};
      at[2] += n;
      count -= n;
    }
  });
  PieceFeed feed = MakeFeed(layer, group, piece, TapBox(piece, 1) * copier.row_bytes(),
                            copier.row_bytes(), 0, true);
  feed.input = input;
  feed.output = image.output;
  feed.rows = rows;
  return feed;
}

PieceFeed FeedInPlace(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                      const ImageView& image, const RunRows& run_rows, kernels::Row* room) {
  const Geometry& g = layer.geometry;
  const int64_t channels = g.in_channels;
  const int64_t row_stride = image.input_size[2] * channels;
  const int64_t plane_stride = image.input_size[1] * row_stride;
  const bool merged =
      layer.feed == Feed::kRuns || (group.in_channels == channels && g.dilation[2] == 1);
  PieceFeed feed = MakeFeed(layer, group, piece, g.dilation[0] * plane_stride,
                            g.dilation[1] * row_stride, g.dilation[2] * channels, merged);
  feed.rows = room;
  const auto start = [&](const Dims& at, int i) {
    return at[i] * g.stride[i] - g.padding[i] + piece.segment[i].tap_begin * g.dilation[i];
  };
  const int64_t in_step = g.stride[2] * channels, out_step = g.out_channels;
  int64_t first_in = 0, first_out = 0;
  ForEachRun(piece, [&](const Dims& at, int64_t count, int64_t row) {
    int64_t in = Offset(image.input_size, channels, start(at, 0), start(at, 1), start(at, 2));
    int64_t out = Offset(image.output_size, g.out_channels, at[0], at[1], at[2]);
    if (row == 0) {
      first_in = in;
      first_out = out;
      if (count == piece.rows()) {
        feed.rows = run_rows.data();
        return;
      }
    }
    for (kernels::Row* r = room + row; r < room + row + count; ++r) {
      *r = {in - first_in, out - first_out};
      in += in_step;
      out += out_step;
    }
  });
  feed.input = image.input + first_in + group.in_begin;
  feed.output = image.output + first_out;
  return feed;
}

}  // namespace

int64_t WindowBytes(const PackedLayer& layer) {
  const Geometry& g = layer.geometry;
  int64_t most = 0;
  for (const ChannelGroup& group : layer.groups) {
    most = std::max(most, StripRowBytes(group, g.kernel[2]));
  }
  return g.kernel[0] * g.kernel[1] * most;
}

RunRows::RunRows(const Geometry& g) {
  const int64_t in_step = g.stride[2] * g.in_channels, out_step = g.out_channels;
  for (int64_t r = 0; r < kMax; ++r) rows_[r] = {r * in_step, r * out_step};
}

PieceFeed FeedPiece(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                    const ImageView& image, const RunRows& run_rows, std::byte* scratch,
                    kernels::Row* room) {
  return piece.copied() ? FeedCopied(layer, group, piece, image, scratch, room)
                        : FeedInPlace(layer, group, piece, image, run_rows, room);
}

}  // namespace qconv::pack
