#include "pack/group_feed.h"

#include <algorithm>

#include "pack/columns.h"
#include "pack/integers.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;
using kernels::kGroupBytes;

constexpr int64_t kEndCopyBytes = TensorEnd::Bytes(kGroupBytes);
constexpr int64_t kTableBytes = GroupFeeder::kScratchBytes - kEndCopyBytes;

// Whether all lanes of a panel are of one group, and read whole depth groups.
bool ReadsSameQuads(const Geometry& g, int lanes) {
  return g.GroupOutputs() % lanes == 0 && g.GroupInputs() % kDepthGroup == 0;
}

// Whether neighbouring pixels of a row need some of the same columns of input.
bool SharesColumns(const Geometry& g) { return g.ColumnStride() < kernels::kGroupTaps; }

// Whether the groups of each panel have few enough channels together.
bool FitsShuffle(const Geometry& g, int lanes) {
  for (int64_t begin = 0; begin < g.out_channels; begin += lanes) {
    const int64_t last = std::min(begin + lanes, g.out_channels) - 1;
    const int64_t groups = last / g.GroupOutputs() - begin / g.GroupOutputs() + 1;
    if (groups * g.GroupInputs() > kGroupBytes) return false;
  }
  return true;
}

// Whether the groups of a vector of channels are those of four vectors of outputs, and none of them
// lies in two 128-bit lanes.
bool CanRotate(const Geometry& g, const kernels::KernelTable& table) {
  const int64_t inputs = g.GroupInputs();
  return inputs % kDepthGroup == 0 && kGroupBytes % inputs == 0 && inputs == g.GroupOutputs() &&
         inputs <= int64_t{table.rotated_depth} * kDepthGroup;
}

int RotatedColumns(const kernels::KernelTable& table) {
  return kernels::kRotatedVectors * table.lanes;
}

// Byte `i` of a depth group of the input, for a lane of a panel: which of 16 bytes it is.
int64_t ShuffledByte(const PackedLayer& layer, const Panel& panel, int64_t group, int lane,
                     int64_t i) {
  const Geometry& g = layer.geometry;
  i += group * kDepthGroup;
  // Channels beyond the group have no weights, and columns beyond the last no outputs.
  if (i >= g.GroupInputs() || lane >= panel.columns) return 0;
  const int64_t own_group = (panel.out_begin + lane) / g.GroupOutputs();
  return own_group * g.GroupInputs() + i - layer.groups[static_cast<size_t>(panel.group)].in_begin;
}

// The same, of those in the lane's own 128 bits.
int64_t RotatedByte(const PackedLayer& layer, const Panel& panel, int64_t group, int lane,
                    int64_t i) {
  const int64_t depth_groups = layer.spread.depth_groups;
  const int64_t first_lane = lane / depth_groups * depth_groups;  // of the lane's group
  return (first_lane % kLaneColumns + layer.InputGroup(panel, group, lane)) * kDepthGroup + i;
}

// Rotated kernels take depth group 0 as it lies.
bool HasOrders(const PackedLayer& layer, const Panel& panel) {
  if (layer.RotatesQuads(panel)) return layer.spread.depth_groups > 1;
  return !ReadsSameQuads(layer.geometry, layer.kernels->lanes);
}

}  // namespace

bool ReadsGroupsInPlace(const Geometry& g, const kernels::KernelTable& table) {
  if (g.groups == 1 || g.GroupInputs() == 1) return false;
  if (g.kernel[0] != 1 || g.kernel[2] != kernels::kGroupTaps) return false;
  if (g.ColumnStride() > kernels::kGroupStrides) return false;
  if (kTableBytes / static_cast<int64_t>(sizeof(uint8_t*)) < g.kernel[1] * 32) return false;
  if (CanRotate(g, table) && g.out_channels % RotatedColumns(table) == 0) return true;
  if (CeilDiv(g.GroupInputs(), kDepthGroup) > table.group_depth) return false;
  // Where pixels share no columns, groups of many outputs are faster in the tiles of dense layers.
  // (3x3, stride 3, 20x20 and 60x60, times the speed there: groups of 2 and 4 2.2 to 2.6, of 8 0.8
  // to 1.9, 4 -> 6 channels 2.3 to 3.1, but 4 -> 8 0.6 to 1.6, 2 -> 6 0.5 to 1.0, 32 -> 32 0.9 to
  // 1.0.)
  if (!SharesColumns(g) &&
      (g.GroupOutputs() >= 2 * g.GroupInputs() || g.GroupOutputs() >= table.lanes)) {
    return false;
  }
  // Groups that fill vectors: wider ones, and those of few inputs, are faster in the tiles of dense
  // layers (3x3, 28x28: 4 -> 48 channels 146 GMAC/s, there 199; 16 -> 32 1.2 times the speed), and
  // so are all of them where those have chains.
  if (g.GroupOutputs() >= table.lanes) {
    return ReadsSameQuads(g, table.lanes) && g.GroupInputs() > kDepthGroup &&
           g.GroupOutputs() <= kernels::kGroupVectors * table.lanes &&
           table.weight_format == kernels::WeightFormat::kS8Quads;
  }
  return FitsShuffle(g, table.lanes);
}

bool FitsGroupReads(const PackedLayer& layer, const Dims& input_size) {
  return layer.groups_in_place && input_size[2] * layer.geometry.in_channels >= kGroupBytes;
}

std::vector<int> ChooseGroupPanels(const Geometry& g, const kernels::KernelTable& table) {
  const int wide = RotatedColumns(table);
  const int64_t rotated = CanRotate(g, table) ? g.out_channels / wide : 0;
  std::vector<int> panels(static_cast<size_t>(rotated), kernels::kRotatedVectors - 1);
  const int vectors =
      ReadsSameQuads(g, kernels::kGroupVectors * table.lanes) ? kernels::kGroupVectors : 1;
  const int64_t others = CeilDiv(g.out_channels - rotated * wide, vectors * table.lanes);
  panels.insert(panels.end(), static_cast<size_t>(others), vectors - 1);
  return panels;
}

void FillGroupOrders(PackedLayer& layer) {
  const auto has_orders = [&](const Panel& panel) { return HasOrders(layer, panel); };
  if (std::none_of(layer.panels.begin(), layer.panels.end(), has_orders)) return;
  for (const Panel& panel : layer.panels) {
    const auto byte_of = layer.RotatesQuads(panel) ? RotatedByte : ShuffledByte;
    for (int64_t group = 0; group < layer.spread.depth_groups; ++group) {
      for (int lane = 0; lane < layer.kernels->lanes; ++lane) {
        for (int64_t i = 0; i < kDepthGroup; ++i) {
          const int64_t byte = byte_of(layer, panel, group, lane, i);
          layer.group_orders.push_back(static_cast<uint8_t>(byte));
        }
      }
    }
  }
}

GroupFeeder::GroupFeeder(const PackedLayer& layer, const ImageView& image, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      image_(image),
      phases_(g_.Phases()),
      stride_(g_.ColumnStride()),
      tensor_end_(image, kGroupBytes, scratch),
      table_(reinterpret_cast<const uint8_t**>(scratch + kEndCopyBytes)) {}

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
  const int64_t table_channel = near_end_ && channel + kGroupBytes > g_.in_channels ? channel : 0;
  if (table_channel != table_channel_) FillTable(table_channel);
  const int64_t order = (&panel - layer_.panels.data()) * layer_.spread.depth_groups *
                        layer_.kernels->lanes * kDepthGroup;
  return {.columns = table_,
          .column_count = Columns(count_),
          .channel = channel - table_channel_,
          .kernel_rows = g_.kernel[1],
          .depth_groups = layer_.spread.depth_groups,
          .orders = HasOrders(layer_, panel) ? layer_.group_orders.data() + order : nullptr,
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
