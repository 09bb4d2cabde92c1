#include "pack/lane_feed.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace qconv::pack {
namespace {

constexpr int64_t kAlignment = 64;

int64_t RoundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

int64_t PositionBytes(const PackedLayer& layer, const Panel& panel) {
  const kernels::PanelShape& shape = layer.kernels->shapes[panel.shape];
  return layer.spread.depth_groups * shape.vectors * layer.kernels->spread_vector_bytes;
}

// Panels are sorted, the first is the widest.
int64_t LargestPositionBytes(const PackedLayer& layer) {
  return PositionBytes(layer, layer.panels[0]);
}

// What kernels may read of a pixel.
int64_t ReadBytes(const PackedLayer& layer) {
  return static_cast<int64_t>(layer.spread.padding.size());
}

int64_t EndCopyBytes(const PackedLayer& layer) { return RoundUp(2 * ReadBytes(layer), kAlignment); }

int64_t GroupCount(const PackedLayer& layer) {
  return layer.GridTaps() * layer.spread.depth_groups * layer.weight_parts;
}

int64_t GroupBytes(const PackedLayer& layer) {
  return RoundUp(GroupCount(layer) * static_cast<int64_t>(sizeof(int64_t)), kAlignment);
}

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
  return EndCopyBytes(layer) + GroupBytes(layer) + bytes;
}

int64_t SpreadPositions(const PackedLayer& layer, int64_t bytes) {
  bytes -= EndCopyBytes(layer) + GroupBytes(layer);
  return std::max<int64_t>(bytes, 0) / LargestPositionBytes(layer);
}

LaneFeeder::LaneFeeder(const PackedLayer& layer, const Piece& piece, const ImageView& image,
                       std::byte* scratch, kernels::Row* rows)
    : layer_(layer),
      g_(layer.geometry),
      piece_(piece),
      image_(image),
      outputs_(piece.extents()),
      last_(image.tensor_end - ReadBytes(layer)),
      end_copy_(reinterpret_cast<uint8_t*>(scratch)),
      groups_(reinterpret_cast<int64_t*>(scratch + EndCopyBytes(layer))),
      group_count_(GroupCount(layer)),
      positions_(scratch + EndCopyBytes(layer) + GroupBytes(layer)),
      rows_(rows) {
  for (size_t i = 0; i < 3; ++i) {
    axis_[i] = MakeSpreadAxis(layer, i, outputs_[i]);
    origin_[i] = piece.segment[i].begin * g_.stride[i] - g_.padding[i];
  }
  tap_reach_ = (std::min(layer.spread.taps_per_quad, g_.kernel[2]) - 1) * g_.dilation[2];
  const int64_t read = ReadBytes(layer);
  const int64_t there = std::min<int64_t>(image.tensor_end - image.tensor, read);
  std::memcpy(end_copy_ + read - there, image.tensor_end - there, static_cast<size_t>(there));
  std::memset(end_copy_ + read, 0, static_cast<size_t>(read));
  task_.depth_groups = layer.spread.depth_groups;
}

PieceFeed LaneFeeder::Feed(const Panel& panel) {
  if (const int64_t bytes = PositionBytes(layer_, panel); bytes != position_bytes_) {
    position_bytes_ = bytes;
    row_bytes_ = axis_[2].positions() * position_bytes_;
    plane_bytes_ = axis_[1].positions() * row_bytes_;
    FillRows();
    FillGroups();
  }
  SpreadInput(panel);
  PieceFeed feed = {};
  feed.input = reinterpret_cast<const uint8_t*>(positions_);
  feed.output = image_.output;
  feed.rows = rows_;
  feed.all_taps = true;
  feed.lane_groups = groups_;
  feed.lane_group_count = group_count_;
  return feed;
}

void LaneFeeder::FillRows() {
  const auto& [d, h, w] = axis_;
  const Dims& size = image_.output_size;
  kernels::Row* row = rows_;
  for (int64_t z = 0; z < outputs_[0]; ++z) {
    for (int64_t y = 0; y < outputs_[1]; ++y) {
      int64_t in = z * d.output_step * plane_bytes_ + y * h.output_step * row_bytes_;
      int64_t out = (piece_.segment[0].begin + z) * size[1] + piece_.segment[1].begin + y;
      out = (out * size[2] + piece_.segment[2].begin) * g_.out_channels;
      for (int64_t x = 0; x < outputs_[2]; ++x) {
        *row++ = {in, out};
        in += w.output_step * position_bytes_;
        out += g_.out_channels;
      }
    }
  }
}

void LaneFeeder::FillGroups() {
  const auto& [d, h, w] = axis_;
  const Dims& grid = layer_.tap_grid;
  const int64_t group_bytes = position_bytes_ / layer_.spread.depth_groups;
  int64_t* group = groups_;
  for (int64_t part = 0; part < layer_.weight_parts; ++part) {
    for (int64_t i = 0; i < grid[0]; ++i) {
      for (int64_t j = 0; j < grid[1]; ++j) {
        for (int64_t l = 0; l < grid[2]; ++l) {
          const int64_t tap = i * d.tap_step * plane_bytes_ + j * h.tap_step * row_bytes_ +
                              l * w.tap_step * position_bytes_;
          for (int64_t k = 0; k < layer_.spread.depth_groups; ++k) *group++ = tap + k * group_bytes;
        }
      }
    }
  }
}

const uint8_t* LaneFeeder::Safe(const uint8_t* pixel) const {
  return pixel <= last_ ? pixel : end_copy_ + (pixel - last_);
}

void LaneFeeder::SpreadInput(const Panel& panel) {
  in_begin_ = layer_.groups[static_cast<size_t>(panel.group)].in_begin;
  const kernels::LaneKernels& kernels = layer_.kernels->shapes[panel.shape].lanes;
  kernel_ = kernels.spread[static_cast<int>(layer_.spread.form)];
  task_.shuffles = layer_.spread.shuffles.data() + panel.shuffles_offset;
  const SpreadAxis& d = axis_[0];
  for (int64_t i = 0; i < d.count; ++i) {
    for (int64_t p = 0; p < d.phases; ++p) {
      SpreadPlane(origin_[0] + i * d.step + p * d.phase_step,
                  positions_ + (i * d.phases + p) * plane_bytes_);
    }
  }
}

// Rows of positions that are all padding.
void LaneFeeder::FillPadding(int64_t rows, int64_t row_step, std::byte* out) const {
  const uint8_t zero_point = layer_.input_zero_point;
  for (int64_t i = 0; i < rows; ++i, out += row_step) {
    if (layer_.kernels->weight_format == kernels::WeightFormat::kS16EvenOdd) {
      std::fill_n(reinterpret_cast<int16_t*>(out), row_bytes_ / 2, int16_t{zero_point});
    } else {
      std::memset(out, zero_point, static_cast<size_t>(row_bytes_));
    }
  }
}

void LaneFeeder::SpreadPlane(int64_t z, std::byte* out) {
  const Dims& size = image_.input_size;
  const SpreadAxis& h = axis_[1];
  const int64_t row_step = h.phases * row_bytes_;
  if (z < 0 || z >= size[0]) return FillPadding(h.positions(), row_bytes_, out);
  for (int64_t p = 0; p < h.phases; ++p, out += row_bytes_) {
    const int64_t y = origin_[1] + p * h.phase_step;
    const int64_t above = y < 0 ? std::min((h.step - 1 - y) / h.step, h.count) : 0;
    const int64_t end = std::clamp(FloorDiv(size[1] - 1 - y, h.step) + 1, above, h.count);
    FillPadding(above, row_step, out);
    FillPadding(h.count - end, row_step, out + end * row_step);
    if (above == end) continue;
    const int64_t pitch = size[2] * g_.in_channels;
    task_.output_row_step = row_step;
    SpreadRows({.input = image_.input + (z * size[1] + y + above * h.step) * pitch + in_begin_,
                .rows = end - above,
                .pitch = h.step * pitch},
               out + above * row_step);
  }
}

// Rows near the end of the tensor go one by one: some of their pixels must not be read in place.
void LaneFeeder::SpreadRows(const Band& band, std::byte* out) {
  const SpreadAxis& w = axis_[2];
  const int64_t last = image_.input_size[2] - 1;
  Band safe = band;
  while (safe.rows > 0 &&
         safe.input + (safe.rows - 1) * band.pitch + last * g_.in_channels > last_) {
    --safe.rows;
  }
  task_.output_step = w.phases * position_bytes_;
  for (int64_t phase = 0; phase < w.phases; ++phase, out += position_bytes_) {
    const int64_t x = origin_[2] + phase * w.phase_step;
    if (safe.rows > 0) SpreadPhase(safe, x, last, out);
    for (int64_t i = safe.rows; i < band.rows; ++i) {
      const Band row = {.input = band.input + i * band.pitch, .rows = 1, .pitch = 0};
      SpreadPhase(row, x, std::min(last, FloorDiv(last_ - row.input, g_.in_channels)),
                  out + i * task_.output_row_step);
    }
  }
}

// Positions from input x on. Those in the middle have all their taps in the image, up to pixel
// `last` at most.
void LaneFeeder::SpreadPhase(const Band& band, int64_t x, int64_t last, std::byte* out) {
  const SpreadAxis& w = axis_[2];
  int64_t begin = 0, end = w.count;
  if (x < 0) begin = std::min((w.step - 1 - x) / w.step, w.count);
  if (x + (w.count - 1) * w.step + tap_reach_ > last) {
    end = std::clamp(FloorDiv(last - tap_reach_ - x, w.step) + 1, begin, w.count);
  }
  for (int64_t i = 0; i < begin; ++i) {
    SpreadEdge(band, x + i * w.step, out + i * task_.output_step);
  }
  if (end > begin) {
    // A quad has more taps than a narrow kernel: they have no weights, the last tap stands in.
    int64_t reach = 0;
    for (int i = 0; i < kernels::kDepthGroup; ++i) {
      task_.taps[i] = band.input + (x + begin * w.step + reach) * g_.in_channels;
      task_.row_steps[i] = band.pitch;
      reach = std::min(reach + g_.dilation[2], tap_reach_);
    }
    task_.step = w.step * g_.in_channels;
    task_.count = end - begin;
    task_.rows = band.rows;
    task_.output = out + begin * task_.output_step;
    kernel_(task_);
  }
  for (int64_t i = end; i < w.count; ++i) {
    SpreadEdge(band, x + i * w.step, out + i * task_.output_step);
  }
}

// One position of each row, some of whose taps are padding or near the end of the tensor.
void LaneFeeder::SpreadEdge(const Band& band, int64_t x, std::byte* out) {
  int64_t reach = 0;
  for (int i = 0; i < kernels::kDepthGroup; ++i) {
    const int64_t at = x + reach;
    const bool inside = at >= 0 && at < image_.input_size[2];
    task_.taps[i] = inside ? Safe(band.input + at * g_.in_channels) : layer_.spread.padding.data();
    task_.row_steps[i] = inside ? band.pitch : 0;
    reach = std::min(reach + g_.dilation[2], tap_reach_);
  }
  task_.step = 0;
  task_.count = 1;
  task_.rows = band.rows;
  task_.output = out;
  kernel_(task_);
}

}  // namespace qconv::pack
