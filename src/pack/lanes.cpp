#include "pack/lanes.h"

#include <algorithm>

#include "pack/integers.h"
#include "pack/weights.h"

namespace qconv::pack {
namespace {

using kernels::SpreadForm;

constexpr int kColumns = 4;  // of a shuffle that takes quads

// Whether the quads of any four neighbouring columns lie within 16 bytes of a pixel. Which columns
// share a group repeats after at most GroupOutputs() such steps.
bool QuadsLieTogether(const Geometry& g) {
  const int64_t outputs = g.GroupOutputs();
  const int64_t columns = std::min(g.out_channels, kColumns * outputs);
  for (int64_t j = 0; j < columns; j += kColumns) {
    const int64_t last = std::min(j + kColumns, g.out_channels) - 1;
    const int64_t groups = last / outputs - j / outputs;
    if (groups * g.GroupInputs() + kernels::kDepthGroup > kernels::kShuffleBytes) return false;
  }
  return true;
}

// Appends the shuffles of a panel and sets its form.
class ShuffleFiller {
 public:
  ShuffleFiller(PackedLayer& layer, Panel& panel)
      : layer_(layer),
        g_(layer.geometry),
        panel_(panel),
        vectors_(layer.kernels->shapes[panel.shape].vectors),
        columns_(layer.kernels->shapes[panel.shape].columns),
        in_begin_(layer.groups[static_cast<size_t>(panel.group)].in_begin) {
    panel.shuffles_offset = static_cast<int64_t>(layer.spread.shuffle_offsets.size());
    panel.spread_form = layer.spread.form;
  }

  // Returns how many bytes of a pixel kernels will read.
  int64_t Fill() {
    switch (layer_.spread.form) {
      case SpreadForm::kTaps:
        return columns_;
      case SpreadForm::kShuffledTaps:
        for (int column = 0; column < columns_; column += 16) {
          Append(GroupInput(column), column, 16, 1, 0);
        }
        break;
      case SpreadForm::kChannels:
      case SpreadForm::kNearChannels:
        panel_.spread_form = ChannelsAreNear() ? SpreadForm::kNearChannels : SpreadForm::kChannels;
        AppendChannels();
        break;
    }
    return read_;
  }

 private:
  // First input channel, from that of the panel, of the group of a column. Columns beyond the last
  // read what it does.
  int64_t GroupInput(int column) const {
    const int64_t output = std::min<int64_t>(panel_.out_begin + column, g_.out_channels - 1);
    return output / g_.GroupOutputs() * g_.GroupInputs() - in_begin_;
  }

  // See kernels::SpreadForm.
  bool ChannelsAreNear() const {
    const int near = kColumns * vectors_;
    for (int column = 0; column < panel_.columns; ++column) {
      const int64_t from = column / near * near, input = GroupInput(column);
      if (input < from || input + g_.GroupInputs() > from + near) return false;
    }
    return true;
  }

  void AppendChannels() {
    const bool near = panel_.spread_form == SpreadForm::kNearChannels;
    for (int64_t group = 0; group < layer_.spread.depth_groups; ++group) {
      for (int v = 0; v < vectors_; ++v) {
        for (int lane = 0; lane < layer_.kernels->lanes; lane += kColumns) {
          const int column = ColumnInPanel(vectors_, v, lane);
          const int64_t channel = group * kernels::kDepthGroup;
          const int64_t from =
              near ? lane / kColumns * kColumns * vectors_ : GroupInput(column) + channel;
          Append(from, column, kColumns, kernels::kDepthGroup, channel);
        }
      }
    }
    if (near) read_ = columns_;
  }

  // For `columns` columns, the `bytes` input channels from `channel` of each one's group.
  void Append(int64_t from, int column, int columns, int bytes, int64_t channel) {
    layer_.spread.shuffle_offsets.push_back(from);
    for (int i = 0; i < columns; ++i) {
      for (int b = 0; b < bytes; ++b) {
        // Channels beyond the group have no weights, and columns beyond the last no outputs.
        const int64_t byte = GroupInput(column + i) + channel + b - from;
        const bool used = channel + b < g_.GroupInputs() && column + i < panel_.columns;
        layer_.spread.shuffle_orders.push_back(static_cast<uint8_t>(used ? byte : 0));
      }
    }
    read_ = std::max(read_, from + kernels::kShuffleBytes);
  }

  PackedLayer& layer_;
  const Geometry& g_;
  Panel& panel_;
  const int vectors_, columns_;
  const int64_t in_begin_;
  int64_t read_ = 0;
};

}  // namespace

bool PrefersLanes(const Geometry& g, const kernels::KernelTable& table) {
  const int64_t inputs = g.GroupInputs(), outputs = g.GroupOutputs();
  if (g.groups == 1) return false;
  if (inputs == 1) return true;
  if (outputs >= table.lanes || !QuadsLieTogether(g)) return false;
  // In tenths of the depth groups that a vector full of outputs takes for each tap, fitted to
  // speeds on 28x28 images (groups of 1 to 16, 2x2 to 7x7, strides of 1 to 3, AVX-512 VNNI, AVX-512
  // and AVX2: 4 % more time than the better of both takes; without the steps 11 % more). Merged
  // groups multiply each other's inputs by zero and leave lanes empty.
  const int64_t merged = std::min(table.lanes / outputs, g.groups);
  const bool chains = !HasDotProduct(table) && table.lanes == 8;  // of a vector of 8: 1.5 times
  const int64_t merged_cost =
      (chains ? 15 : 10) * CeilDiv(merged * inputs, 4) * table.lanes / (merged * outputs);
  // Deep groups spill out of the caches, and of the scratch. (5x5, 16 -> 8 channels a group,
  // AVX-512: merged 1.4 times the speed; 128 -> 8, AVX-512 VNNI: 5.5 times.)
  constexpr int64_t kDeep = 16, kDeepTenths = 26;
  if (inputs >= kDeep && CeilDiv(inputs, 4) * kDeepTenths > merged_cost) return false;
  // Lane kernels load a vector for each dot product, and spread as many positions for an output as
  // it does not share with its neighbours.
  int64_t positions = 1;
  bool dilated = false;
  for (size_t i = 0; i < 3; ++i) {
    positions *= std::min(g.stride[i], g.kernel[i]);
    dilated = dilated || (g.kernel[i] > 1 && g.dilation[i] > 1);
  }
  const bool near = inputs == outputs && kernels::kShuffleBytes % inputs == 0 &&
                    (inputs <= kernels::kDepthGroup || HasDotProduct(table));
  const int64_t product = near ? 15 : 12, position = !near ? 180 : g.stride[2] == 1 ? 60 : 100;
  const int64_t spread = dilated ? position * 3 / 2 : position;  // wider edges, columns in phases
  return CeilDiv(inputs, 4) * (product * g.Taps() + spread * positions) <= merged_cost * g.Taps();
}

void FillSpreadLayout(PackedLayer& layer) {
  int64_t read = 0;
  for (Panel& panel : layer.panels) read = std::max(read, ShuffleFiller(layer, panel).Fill());
  layer.spread.read_bytes = read;
  layer.padding.assign(static_cast<size_t>(layer.geometry.in_channels + read),
                       layer.input_zero_point);
}

ChannelGroup MakeLaneGroup(const Geometry& g, const SpreadLayout& spread, int64_t begin,
                           int64_t count) {
  ChannelGroup group;
  group.in_begin = begin / g.GroupOutputs() * g.GroupInputs();
  group.in_channels =
      ((begin + count - 1) / g.GroupOutputs() + 1) * g.GroupInputs() - group.in_begin;
  group.out_begin = begin;
  group.out_channels = count;
  group.tap_bytes = spread.depth_groups * kernels::kDepthGroup;
  group.depth_groups = spread.depth_groups;
  return group;
}

}  // namespace qconv::pack
