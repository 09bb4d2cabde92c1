#include "pack/group_feed.h"

#include <algorithm>

#include "pack/group_panels.h"
#include "pack/integers.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;
using kernels::kGroupBytes;

// How many bytes of a pixel the kernel of a panel reads.
int64_t ReadBytes(const PackedLayer& layer, const Panel& panel) {
  return layer.RotatesQuads(panel) ? int64_t{layer.kernels->lanes} * kDepthGroup : kGroupBytes;
}

}  // namespace

bool FitsGroupReads(const PackedLayer& layer, const Dims& input_size) {
  return layer.groups_in_place && (layer.RotatesQuads(layer.panels[0]) ||
                                   input_size[2] * layer.geometry.in_channels >= kGroupBytes);
}

GroupFeeder::GroupFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      image_(image),
      phases_(g_.Phases()),
      stride_(g_.ColumnStride()),
      tensor_end_(image, ReadBytes(layer, layer.panels.back()), scratch),
      table_(reinterpret_cast<const uint8_t**>(scratch + kEndBytes)) {}

int64_t GroupFeeder::MostPixels() const {
  const int64_t columns = kTableBytes / (static_cast<int64_t>(sizeof(uint8_t*)) * g_.kernel[1]);
  return (columns - g_.kernel[2]) / stride_ + 1;
}

int64_t GroupFeeder::MostRows(int64_t pixels) const {
  const auto row_bytes = static_cast<int64_t>(sizeof(uint8_t*)) * g_.kernel[1] * Columns(pixels);
  return kTableBytes / row_bytes;
}

void GroupFeeder::MoveTo(int64_t z, int64_t y, int64_t rows, int64_t phase, int64_t first,
                         int64_t count) {
  z_ = z;
  y_ = y;
  rows_ = rows;
  count_ = count;
  const int64_t pixel = phase + first * phases_;
  x_ = pixel * g_.stride[2] - g_.padding[2];
  const Dims& out = image_.output_size;
  output_ = image_.output + ((z * out[1] + y) * out[2] + pixel) * g_.out_channels;
  FillTable(0);
}

kernels::GroupTask GroupFeeder::Task(const Panel& panel) {
  const int64_t channel = layer_.groups[static_cast<size_t>(panel.group)].in_begin;
  // Where the last pixel is that of the tensor, the last panels read from the copy of its end.
  const int64_t table_channel =
      near_end_ && channel + ReadBytes(layer_, panel) > g_.in_channels ? channel : 0;
  if (table_channel != table_channel_) FillTable(table_channel);
  const int64_t order = (&panel - layer_.panels.data()) * layer_.spread.depth_groups *
                        layer_.kernels->lanes * kDepthGroup;
  return {.columns = table_,
          .column_count = Columns(count_),
          .channel = channel - table_channel_,
          .kernel_rows = g_.kernel[1],
          .depth_groups = layer_.spread.depth_groups,
          .orders = HasGroupOrders(layer_, panel) ? layer_.group_orders.data() + order : nullptr,
          .output = output_ + panel.out_begin,
          .rows = rows_,
          .count = count_,
          .output_row_step = image_.output_size[2] * g_.out_channels,
          .output_step = phases_ * g_.out_channels,
          .weights = layer_.weights.data() + panel.weights_offset,
          .epilogue = &panel.epilogue,
          .valid_columns = panel.columns};
}

// Pointers to `channel` of each pixel.
void GroupFeeder::FillTable(int64_t channel) {
  table_channel_ = channel;
  near_end_ = false;
  const Dims& in = image_.input_size;
  const int64_t z = z_ * g_.stride[0] - g_.padding[0];
  const uint8_t** columns = table_;
  const int64_t count = Columns(count_);
  // How many kernel rows an output row is below the one before: the others are in the table.
  const bool shares = g_.stride[1] % g_.dilation[1] == 0;
  const int64_t below = shares ? g_.stride[1] / g_.dilation[1] : g_.kernel[1];
  for (int64_t i = 0; i < rows_; ++i) {
    for (int64_t j = 0; j < g_.kernel[1]; ++j, columns += count) {
      if (i > 0 && j + below < g_.kernel[1]) {
        std::copy_n(columns - (g_.kernel[1] - below) * count, count, columns);
        continue;
      }
      const int64_t y = (y_ + i) * g_.stride[1] - g_.padding[1] + j * g_.dilation[1];
      const bool inside = z >= 0 && z < in[0] && y >= 0 && y < in[1];
      const uint8_t* row =
          inside ? image_.input + (z * in[1] + y) * in[2] * g_.in_channels : nullptr;
      FillRow(row, channel, columns);
    }
  }
}

// Of an image row, or of padding.
void GroupFeeder::FillRow(const uint8_t* row, int64_t channel, const uint8_t** columns) {
  const int64_t count = Columns(count_), step = g_.dilation[2];
  const auto before = [&](int64_t at) {
    return row == nullptr ? 0 : StepsBefore(at, x_, step, count);
  };
  const int64_t begin = before(0), end = before(image_.input_size[2]);
  const uint8_t* padding = layer_.padding.data();
  std::fill(columns, columns + begin, padding);
  std::fill(columns + end, columns + count, padding);
  if (begin == end) return;
  const uint8_t* at = row + (x_ + begin * step) * g_.in_channels + channel;
  for (int64_t c = begin; c < end; ++c, at += step * g_.in_channels) columns[c] = at;
  near_end_ = near_end_ || tensor_end_.Room(columns[end - 1]) < g_.in_channels - channel;
  for (int64_t c = end - 1; c >= begin && tensor_end_.Room(columns[c]) < 0; --c) {
    columns[c] = tensor_end_.Safe(columns[c]);
  }
}

}  // namespace qconv::pack
