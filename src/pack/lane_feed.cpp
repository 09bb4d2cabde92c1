#include "pack/lane_feed.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace qconv::pack {
namespace {

int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t CeilDiv(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

int64_t PositionBytes(const PackedLayer& layer, const kernels::PanelShape& shape) {
  return layer.spread.depth_groups * shape.vectors * layer.kernels->spread_vector_bytes;
}

// Panels are sorted, the first is the widest.
int64_t LargestPositionBytes(const PackedLayer& layer) {
  return PositionBytes(layer, layer.kernels->shapes[layer.panels[0].shape]);
}

// Kernels may read beyond the channels they need, but not beyond the tensor: pixels so near its end
// are read from a copy.
class TensorEnd {
 public:
  TensorEnd(const ImageView& image, int64_t read_bytes, std::byte* scratch)
      : last_(image.tensor_end - read_bytes), copy_(reinterpret_cast<uint8_t*>(scratch)) {
    const int64_t bytes = std::min<int64_t>(image.tensor_end - image.tensor, read_bytes);
    const uint8_t* begin = image.tensor_end - bytes;
    std::memcpy(copy_ + read_bytes - bytes, begin, static_cast<size_t>(bytes));
    std::memset(copy_ + read_bytes, 0, static_cast<size_t>(read_bytes));
  }

  static int64_t ScratchBytes(int64_t read_bytes) { return RoundUp(2 * read_bytes, 64); }

  bool Readable(const uint8_t* pixel) const { return pixel <= last_; }
  const uint8_t* Safe(const uint8_t* pixel) const {
    return Readable(pixel) ? pixel : copy_ + (pixel - last_);
  }
  const uint8_t* last() const { return last_; }  // pixel that may be read in place

 private:
  const uint8_t* last_;
  uint8_t* copy_;
};

int64_t EndBytes(const PackedLayer& layer) {
  return TensorEnd::ScratchBytes(static_cast<int64_t>(layer.spread.padding.size()));
}

// Spreads the positions of one input row at a time.
class RowSpreader {
 public:
  RowSpreader(const PackedLayer& layer, const Panel& panel, const ImageView& image,
              const SpreadAxis& axis, int64_t origin, const TensorEnd& end)
      : layer_(layer), image_(image), axis_(axis), origin_(origin), end_(end) {
    const Geometry& g = layer.geometry;
    const kernels::PanelShape& shape = layer.kernels->shapes[panel.shape];
    in_begin_ = layer.groups[static_cast<size_t>(panel.group)].in_begin;
    kernel_ = shape.lanes.spread[static_cast<int>(layer.spread.form)];
    taps_ = std::min(layer.spread.taps_per_quad, g.kernel[2]);
    position_bytes_ = PositionBytes(layer, shape);
    task_.depth_groups = layer.spread.depth_groups;
    task_.shuffles = layer.spread.shuffles.data() + panel.shuffles_offset;
    task_.output_step = axis.phases * position_bytes_;
  }

  void Spread(int64_t z, int64_t y, std::byte* out) {
    const Dims& size = image_.input_size;
    if (z < 0 || z >= size[0] || y < 0 || y >= size[1]) return SpreadPadding(out);
    row_ = image_.input + (z * size[1] + y) * size[2] * layer_.geometry.in_channels + in_begin_;
    for (int64_t phase = 0; phase < axis_.phases; ++phase) {
      SpreadPhase(origin_ + phase * axis_.phase_step, out + phase * position_bytes_);
    }
  }

 private:
  void SpreadPadding(std::byte* out) {
    for (const uint8_t*& tap : task_.taps) tap = layer_.spread.padding.data();
    task_.step = 0;
    task_.count = axis_.positions();
    task_.output = out;
    task_.output_step = position_bytes_;
    kernel_(task_);
    task_.output_step = axis_.phases * position_bytes_;
  }

  // Positions from input x on. Those in the middle have all their taps in the image.
  void SpreadPhase(int64_t x, std::byte* out) {
    const int64_t channels = layer_.geometry.in_channels, width = image_.input_size[2];
    const int64_t reach = (taps_ - 1) * layer_.geometry.dilation[2];
    int64_t last = width - 1 - reach;
    if (!end_.Readable(row_ + (width - 1) * channels)) {
      last = std::min(last, FloorDiv(end_.last() - row_, channels) - reach);
    }
    const int64_t begin = std::clamp<int64_t>(CeilDiv(-x, axis_.step), 0, axis_.count);
    const int64_t end = std::clamp<int64_t>(FloorDiv(last - x, axis_.step) + 1, begin, axis_.count);
    for (int64_t i = 0; i < begin; ++i) SpreadEdge(x + i * axis_.step, Output(out, i));
    if (end > begin) SpreadMiddle(x + begin * axis_.step, end - begin, Output(out, begin));
    for (int64_t i = end; i < axis_.count; ++i) SpreadEdge(x + i * axis_.step, Output(out, i));
  }

  std::byte* Output(std::byte* out, int64_t i) const { return out + i * task_.output_step; }

  // Taps of a position beyond those of the kernel have no weights; the last one stands in for them.
  int64_t TapAt(int64_t x, int64_t tap) const {
    return x + std::min(tap, taps_ - 1) * layer_.geometry.dilation[2];
  }

  void SpreadMiddle(int64_t x, int64_t count, std::byte* out) {
    const int64_t channels = layer_.geometry.in_channels;
    for (int64_t i = 0; i < kernels::kDepthGroup; ++i) {
      task_.taps[i] = row_ + TapAt(x, i) * channels;
    }
    task_.step = axis_.step * channels;
    task_.count = count;
    task_.output = out;
    kernel_(task_);
  }

  void SpreadEdge(int64_t x, std::byte* out) {
    for (int64_t i = 0; i < kernels::kDepthGroup; ++i) {
      const int64_t at = TapAt(x, i);
      task_.taps[i] = at < 0 || at >= image_.input_size[2]
                          ? layer_.spread.padding.data()
                          : end_.Safe(row_ + at * layer_.geometry.in_channels);
    }
    task_.step = 0;
    task_.count = 1;
    task_.output = out;
    kernel_(task_);
  }

  const PackedLayer& layer_;
  const ImageView& image_;
  const SpreadAxis& axis_;
  const int64_t origin_;
  const TensorEnd& end_;
  int64_t in_begin_, taps_, position_bytes_;
  kernels::SpreadKernel kernel_;
  kernels::SpreadTask task_;
  const uint8_t* row_ = nullptr;
};

}  // namespace

SpreadAxis MakeSpreadAxis(int64_t outputs, int64_t stride, int64_t taps, int64_t distance) {
  const int64_t unit = taps == 1 ? stride : outputs == 1 ? distance : std::gcd(stride, distance);
  const int64_t shared = ((outputs - 1) * stride + (taps - 1) * distance) / unit + 1;
  if (shared <= outputs * taps) return {1, shared, 0, unit, stride / unit, distance / unit};
  return {taps, outputs, distance, stride, taps, 1};
}

SpreadAxis MakeSpreadAxis(const PackedLayer& layer, size_t i, int64_t outputs) {
  const Geometry& g = layer.geometry;
  const int64_t taps_per_quad = i == 2 ? layer.spread.taps_per_quad : 1;
  return MakeSpreadAxis(outputs, g.stride[i], layer.tap_grid[i], taps_per_quad * g.dilation[i]);
}

int64_t SpreadBytes(const PackedLayer& layer, const Dims& outputs) {
  int64_t bytes = LargestPositionBytes(layer);
  for (size_t i = 0; i < 3; ++i) bytes *= MakeSpreadAxis(layer, i, outputs[i]).positions();
  return EndBytes(layer) + bytes;
}

int64_t SpreadPositions(const PackedLayer& layer, int64_t bytes) {
  return std::max<int64_t>(bytes - EndBytes(layer), 0) / LargestPositionBytes(layer);
}

PieceFeed FeedLanes(const PackedLayer& layer, const Panel& panel, const Piece& piece,
                    const ImageView& image, std::byte* scratch, kernels::Row* rows) {
  const Geometry& g = layer.geometry;
  const auto read_bytes = static_cast<int64_t>(layer.spread.padding.size());
  const TensorEnd end(image, read_bytes, scratch);
  std::byte* spread = scratch + TensorEnd::ScratchBytes(read_bytes);
  SpreadAxis axis[3];
  const Dims outputs = piece.extents();
  Dims origin;
  for (size_t i = 0; i < 3; ++i) {
    axis[i] = MakeSpreadAxis(layer, i, outputs[i]);
    origin[i] = piece.segment[i].begin * g.stride[i] - g.padding[i];
  }
  const auto& [d, h, w] = axis;
  const int64_t step = PositionBytes(layer, layer.kernels->shapes[panel.shape]);
  const int64_t row_bytes = w.positions() * step, plane_bytes = h.positions() * row_bytes;

  RowSpreader spreader(layer, panel, image, w, origin[2], end);
  const auto input = [](const SpreadAxis& a, int64_t index) {
    return index % a.phases * a.phase_step + index / a.phases * a.step;
  };
  for (int64_t z = 0; z < d.positions(); ++z) {
    for (int64_t y = 0; y < h.positions(); ++y) {
      spreader.Spread(origin[0] + input(d, z), origin[1] + input(h, y),
                      spread + z * plane_bytes + y * row_bytes);
    }
  }

  for (int64_t z = 0; z < outputs[0]; ++z) {
    for (int64_t y = 0; y < outputs[1]; ++y) {
      int64_t in = z * d.output_step * plane_bytes + y * h.output_step * row_bytes;
      int64_t out =
          (((piece.segment[0].begin + z) * image.output_size[1] + piece.segment[1].begin + y) *
               image.output_size[2] +
           piece.segment[2].begin) *
          g.out_channels;
      for (int64_t x = 0; x < outputs[2]; ++x, in += w.output_step * step, out += g.out_channels) {
        *rows++ = {in, out};
      }
    }
  }

  const Dims& grid = layer.tap_grid;
  PieceFeed feed;
  feed.input = reinterpret_cast<const uint8_t*>(spread);
  feed.output = image.output;
  feed.rows = rows - piece.rows();
  feed.taps[0] = {grid[0], d.tap_step * plane_bytes, grid[1] * grid[2]};
  feed.taps[1] = {grid[1], h.tap_step * row_bytes, grid[2]};
  feed.taps[2] = {grid[2], w.tap_step * step, 1};
  feed.depth_groups = layer.spread.depth_groups;
  feed.first_tap = 0;
  feed.taps_in_row = grid[2];
  feed.all_taps = true;
  feed.sum_bytes = 0;  // weight zero points are in the weights
  feed.products = 0;
  return feed;
}

}  // namespace qconv::pack
