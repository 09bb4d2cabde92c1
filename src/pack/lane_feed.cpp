// Longer than 250 lines: one class whose steps share a dozen numbers of the block at hand.
#include "pack/lane_feed.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "pack/integers.h"

namespace qconv::pack {
namespace {

constexpr int64_t kAlignment = 64;

int64_t PositionBytes(const PackedLayer& layer, const Panel& panel) {
  const kernels::PanelShape& shape = layer.kernels->shapes[panel.shape];
  return layer.spread.depth_groups * shape.vectors * layer.kernels->spread_vector_bytes;
}

// Panels are sorted, the first is the widest.
int64_t LargestPositionBytes(const PackedLayer& layer) {
  return PositionBytes(layer, layer.panels[0]);
}

int64_t EndCopyBytes(const PackedLayer& layer) {
  return RoundUp(TensorEnd::Bytes(layer.spread.read_bytes), kAlignment);
}

int64_t GroupCount(const PackedLayer& layer) {
  return layer.GridTaps() * layer.spread.depth_groups * layer.weight_parts;
}

}  // namespace

int64_t GroupBytes(const PackedLayer& layer) {
  return RoundUp(GroupCount(layer) * static_cast<int64_t>(sizeof(int64_t)), kAlignment);
}

SpreadSteps MakeSpreadSteps(int64_t stride, int64_t sharing, int64_t taps, int64_t distance) {
  return {stride, sharing, taps, distance, taps == 1 ? stride : std::gcd(stride, distance)};
}

SpreadAxis MakeSpreadAxis(const SpreadSteps& s, int64_t outputs) {
  const int64_t sets = CeilDiv(outputs, s.sharing);
  const int64_t unit = sets == 1 && s.taps > 1 ? s.distance : s.unit;
  const int64_t shared = ((sets - 1) * s.stride + (s.taps - 1) * s.distance) / unit + 1;
  if (shared <= sets * s.taps) return {1, shared, 0, unit, s.stride / unit, s.distance / unit};
  return {s.taps, sets, s.distance, s.stride, s.taps, 1};
}

int64_t LargestExtent(const SpreadSteps& s, int64_t positions) {
  const int64_t shared_room = (positions - 1) * s.unit - (s.taps - 1) * s.distance;
  const int64_t shared = shared_room >= 0 ? shared_room / s.stride + 1 : 0;
  return s.sharing * std::max(shared, positions / s.taps);
}

int64_t CountPositions(const SpreadLayout& spread, const Dims& outputs) {
  int64_t positions = 1;
  for (size_t i = 0; i < outputs.size(); ++i) {
    positions *= MakeSpreadAxis(spread.steps[i], outputs[i]).positions();
  }
  return positions;
}

int64_t SpreadBytes(const PackedLayer& layer, const Dims& outputs) {
  return EndCopyBytes(layer) + GroupBytes(layer) +
         CountPositions(layer.spread, outputs) * LargestPositionBytes(layer);
}

int64_t SpreadPositions(const PackedLayer& layer, int64_t bytes) {
  bytes -= EndCopyBytes(layer) + GroupBytes(layer);
  return std::max<int64_t>(bytes, 0) / LargestPositionBytes(layer);
}

LaneFeeder::LaneFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch,
                       kernels::Row* rows)
    : layer_(layer),
      g_(layer.geometry),
      reach_h_(layer.spread.tap_h[kernels::kDepthGroup - 1]),
      reach_w_(layer.spread.tap_w[kernels::kDepthGroup - 1]),
      tensor_end_(image, layer.spread.read_bytes, scratch),
      groups_(reinterpret_cast<int64_t*>(scratch + EndCopyBytes(layer))),
      group_count_(GroupCount(layer)),
      positions_(scratch + EndCopyBytes(layer) + GroupBytes(layer)),
      rows_(rows) {
  task_.depth_groups = layer.spread.depth_groups;
}

void LaneFeeder::MoveTo(const Piece& piece, const ImageView& image) {
  image_ = image;
  const Dims& size = image.output_size;
  const auto first = [&](size_t i) { return piece.segment[i].begin; };
  output_ = ((first(0) * size[1] + first(1)) * size[2] + first(2)) * g_.out_channels;
  for (size_t i = 0; i < 3; ++i) origin_[i] = first(i) * g_.stride[i] - g_.padding[i];
  if (const Dims outputs = piece.extents(); outputs != outputs_) {
    outputs_ = outputs;
    for (size_t i = 0; i < 3; ++i) axis_[i] = MakeSpreadAxis(layer_.spread.steps[i], outputs[i]);
    position_bytes_ = 0;
  }
}

int LaneFeeder::Feed(const Panel& panel, PieceFeed* feeds) {
  if (const int64_t bytes = PositionBytes(layer_, panel); bytes != position_bytes_) {
    position_bytes_ = bytes;
    row_bytes_ = axis_[2].positions() * position_bytes_;
    plane_bytes_ = axis_[1].positions() * row_bytes_;
    FillRows();
    FillGroups();
  }
  SpreadInput(panel);
  return MakeFeeds(feeds);
}

// Outputs of the block that are the `share`-th of those that share positions.
Dims LaneFeeder::Outputs(int64_t share) const {
  const SpreadLayout& s = layer_.spread;
  return {outputs_[0], CeilDiv(outputs_[1] - share / s.output_columns, s.output_rows),
          CeilDiv(outputs_[2] - share % s.output_columns, s.output_columns)};
}

int LaneFeeder::MakeFeeds(PieceFeed* feeds) const {
  const SpreadLayout& s = layer_.spread;
  const int64_t step = s.output_columns > 1 ? s.column_step
                       : s.output_rows > 1  ? s.row_step * image_.output_size[2]
                                            : 0;
  const int64_t together = s.together ? counts_[s.Sharing() - 1] : 0;
  const kernels::Row* rows = rows_;
  int count = 0;
  const auto add = [&](int64_t share, int64_t begin, int64_t end, int64_t sharing) {
    if (begin == end) return;
    PieceFeed& feed = feeds[count++];
    feed = {};
    feed.input = reinterpret_cast<const uint8_t*>(positions_);
    feed.output = image_.output + output_;
    feed.rows = rows + begin;
    feed.row_count = end - begin;
    feed.first_tap = share * layer_.weight_parts * layer_.GridTaps();
    feed.all_taps = true;
    feed.group_inputs = groups_;
    feed.group_count = group_count_;
    feed.sharing = static_cast<int>(sharing);
    feed.share_output_step = step * g_.out_channels;
  };
  add(0, 0, together, s.Sharing());
  for (int64_t share = 0; share < s.Sharing(); ++share) {
    add(share, together, counts_[share], 1);
    rows += counts_[share];
  }
  return count;
}

// Of each share; where they are computed together, first those that all of them have, then the
// others. Rows of a feed lie in memory as they come.
void LaneFeeder::FillRows() {
  const SpreadLayout& s = layer_.spread;
  const size_t axis = s.output_columns > 1 ? 2 : 1;
  const Dims whole = Outputs(s.Sharing() - 1);
  kernels::Row* row = rows_;
  for (int64_t share = 0; share < s.Sharing(); ++share) {
    const kernels::Row* const begin = row;
    Dims first = {};
    if (s.together) {
      row = AddRows(share, first, whole, row);
      first[axis] = whole[axis];
    }
    row = AddRows(share, first, Outputs(share), row);
    counts_[share] = row - begin;
  }
}

kernels::Row* LaneFeeder::AddRows(int64_t share, const Dims& begin, const Dims& end,
                                  kernels::Row* row) const {
  const auto& [d, h, w] = axis_;
  const Dims& size = image_.output_size;
  const SpreadLayout& s = layer_.spread;
  for (int64_t z = begin[0]; z < end[0]; ++z) {
    for (int64_t j = begin[1]; j < end[1]; ++j) {
      const int64_t y = (j * s.output_rows + share / s.output_columns) * s.row_step;
      const int64_t x = (begin[2] * s.output_columns + share % s.output_columns) * s.column_step;
      int64_t out = ((z * size[1] + y) * size[2] + x) * g_.out_channels;
      int64_t in = z * d.output_step * plane_bytes_ + j * h.output_step * row_bytes_ +
                   begin[2] * w.output_step * position_bytes_;
      for (int64_t i = begin[2]; i < end[2]; ++i) {
        *row++ = {in, out};
        in += w.output_step * position_bytes_;
        out += s.output_columns * s.column_step * g_.out_channels;
      }
    }
  }
  return row;
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

void LaneFeeder::SpreadInput(const Panel& panel) {
  in_begin_ = layer_.groups[static_cast<size_t>(panel.group)].in_begin;
  const kernels::LaneKernels& kernels = layer_.kernels->shapes[panel.shape].lanes;
  kernel_ = kernels.spread[static_cast<int>(panel.spread_form)];
  task_.shuffles = {
      layer_.spread.shuffle_offsets.data() + panel.shuffles_offset,
      layer_.spread.shuffle_orders.data() + panel.shuffles_offset * kernels::kShuffleBytes};
  const SpreadAxis& d = axis_[0];
  for (int64_t i = 0; i < d.count; ++i) {
    for (int64_t p = 0; p < d.phases; ++p) {
      SpreadPlane(origin_[0] + i * d.step + p * d.phase_step,
                  positions_ + (i * d.phases + p) * plane_bytes_);
    }
  }
}

// Rows of positions that are all padding.
void LaneFeeder::FillPadding(int64_t rows, std::byte* out) const {
  const uint8_t zero_point = layer_.input_zero_point;
  const int64_t bytes = rows * row_bytes_;
  if (layer_.kernels->weight_format == kernels::WeightFormat::kS16EvenOdd) {
    std::fill_n(reinterpret_cast<int16_t*>(out), bytes / 2, int16_t{zero_point});
  } else {
    std::memset(out, zero_point, static_cast<size_t>(bytes));
  }
}

void LaneFeeder::SpreadPlane(int64_t z, std::byte* out) {
  const Dims& size = image_.input_size;
  const SpreadAxis& h = axis_[1];
  if (z < 0 || z >= size[0]) return FillPadding(h.positions(), out);
  task_.output_row_step = h.phases * row_bytes_;
  for (int64_t p = 0; p < h.phases; ++p, out += row_bytes_) {
    const int64_t first = origin_[1] + p * h.phase_step;
    for (int64_t i = 0; i < h.count;) {
      const int64_t y = first + i * h.step;
      std::byte* row = out + i * task_.output_row_step;
      int64_t rows = 1;
      if (y + reach_h_ < 0 || y >= size[1]) {
        FillPadding(1, row);
      } else {
        // As many as have all their taps in the image, or one.
        if (y >= 0 && y + reach_h_ < size[1]) {
          rows = std::min((size[1] - 1 - reach_h_ - y) / h.step + 1, h.count - i);
        }
        SpreadRows(MakeBand(z, y, rows), row);
      }
      i += rows;
    }
  }
}

LaneFeeder::Band LaneFeeder::MakeBand(int64_t z, int64_t y, int64_t rows) const {
  const Dims& size = image_.input_size;
  const int64_t pitch = size[2] * g_.in_channels;
  Band band = {.taps = {}, .lowest = image_.input, .rows = rows, .pitch = axis_[1].step * pitch};
  for (int i = 0; i < kernels::kDepthGroup; ++i) {
    const int64_t at = y + layer_.spread.tap_h[i];
    if (at < 0 || at >= size[1]) continue;
    band.taps[i] = image_.input + (z * size[1] + at) * pitch + in_begin_;
    band.lowest = band.taps[i];
  }
  return band;
}

// Rows near the end of the tensor go one by one: some of their pixels must not be read in place.
void LaneFeeder::SpreadRows(const Band& band, std::byte* out) {
  const SpreadAxis& w = axis_[2];
  const int64_t last = image_.input_size[2] - 1;
  Band safe = band;
  while (safe.rows > 0 &&
         (safe.rows - 1) * band.pitch + last * g_.in_channels > tensor_end_.Room(band.lowest)) {
    --safe.rows;
  }
  task_.output_step = w.phases * position_bytes_;
  for (int64_t phase = 0; phase < w.phases; ++phase, out += position_bytes_) {
    const int64_t x = origin_[2] + phase * w.phase_step;
    if (safe.rows > 0) SpreadPhase(safe, x, last, out);
    for (int64_t i = safe.rows; i < band.rows; ++i) {
      const Band row = RowOf(band, i);
      const int64_t readable = FloorDiv(tensor_end_.Room(row.lowest), g_.in_channels);
      SpreadPhase(row, x, std::min(last, readable), out + i * task_.output_row_step);
    }
  }
}

// Positions from input x on. Those in the middle have all their taps between the first pixel of a
// row and pixel `last`.
void LaneFeeder::SpreadPhase(const Band& band, int64_t x, int64_t last, std::byte* out) {
  const SpreadAxis& w = axis_[2];
  int64_t begin = 0, end = w.count;
  if (x < 0) begin = std::min((w.step - 1 - x) / w.step, w.count);
  if (x + (w.count - 1) * w.step + reach_w_ > last) {
    end = std::clamp(FloorDiv(last - reach_w_ - x, w.step) + 1, begin, w.count);
  }
  for (int64_t i = 0; i < begin; ++i) {
    SpreadEdge(band, x + i * w.step, out + i * task_.output_step);
  }
  if (end > begin) {
    SpreadMiddle(band, x + begin * w.step, end - begin, out + begin * task_.output_step);
  }
  for (int64_t i = end; i < w.count; ++i) {
    SpreadEdge(band, x + i * w.step, out + i * task_.output_step);
  }
}

void LaneFeeder::SpreadMiddle(const Band& band, int64_t x, int64_t count, std::byte* out) {
  for (int i = 0; i < kernels::kDepthGroup; ++i) {
    const bool inside = band.taps[i] != nullptr;
    task_.taps[i] = inside ? band.taps[i] + (x + layer_.spread.tap_w[i]) * g_.in_channels
                           : layer_.padding.data();
    task_.steps[i] = inside ? axis_[2].step * g_.in_channels : 0;
    task_.row_steps[i] = inside ? band.pitch : 0;
  }
  task_.count = count;
  task_.rows = band.rows;
  task_.output = out;
  kernel_(task_);
}

// One position of each row, some of whose taps are padding or near the end of the tensor.
void LaneFeeder::SpreadEdge(const Band& band, int64_t x, std::byte* out) {
  for (int i = 0; i < kernels::kDepthGroup; ++i) {
    const int64_t at = x + layer_.spread.tap_w[i];
    const bool inside = band.taps[i] != nullptr && at >= 0 && at < image_.input_size[2];
    task_.taps[i] =
        inside ? tensor_end_.Safe(band.taps[i] + at * g_.in_channels) : layer_.padding.data();
    task_.row_steps[i] = inside ? band.pitch : 0;
  }
  task_.count = 1;
  task_.rows = band.rows;
  task_.output = out;
  kernel_(task_);
}

// Row i of a band.
LaneFeeder::Band LaneFeeder::RowOf(Band band, int64_t i) {
  for (const uint8_t*& tap : band.taps) {
    if (tap != nullptr) tap += i * band.pitch;
  }
  band.lowest += i * band.pitch;
  band.rows = 1;
  return band;
}

}  // namespace qconv::pack
