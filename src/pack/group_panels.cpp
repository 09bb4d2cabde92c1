#include "pack/group_panels.h"

#include <algorithm>

#include "pack/columns.h"
#include "pack/group_feed.h"
#include "pack/integers.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;
using kernels::kGroupBytes;

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

// Whether Winograd's algorithm takes merged groups of these.
bool CanTransform(const Geometry& g) {
  return g.GroupInputs() > kDepthGroup && g.kernel[1] == 3 && g.stride[1] == 1 &&
         g.stride[2] == 1 && g.dilation[1] == 1 && g.dilation[2] == 1;
}

// How many panels of rotated quads a layer has. Lanes of the last one may be idle:
//
// Where groups can be shuffled, if these would take three vectors of 4 or 8 inputs a group, one by
// one, or four. (AVX-512 VNNI, 3x3, 28x28, stride 2 and 1, times the speed of these: groups of 4,
// 48 channels 1.4 and 1.2, 60 channels 1.8 and 1.6; of 8, 48 channels 1.2 and 1.0, 56 channels 1.7
// and 1.4, 104 channels 1.1 and 1.0. AVX-512, of 4, 60 channels 1.5 and 1.4.)
//
// Where they would be merged, if few are, as then no others are in place. (AVX-512, groups of 8, 48
// channels 1.1 and 0.7, as merged ones of stride 1 are transformed; 104 channels 1.2 and 0.8, 440
// channels 1.4 and 0.9, on 14x14 1.2. AVX2, of 4, 48 channels 1.3 to 1.8 and 1.05, 60 channels 1.7
// and 1.4.)
int64_t RotatedPanels(const Geometry& g, const kernels::KernelTable& table) {
  if (!CanRotate(g, table)) return 0;
  const int64_t wide = RotatedColumns(table), panels = CeilDiv(g.out_channels, wide);
  const int64_t lanes = panels * wide, idle = lanes - g.out_channels;
  const int64_t depth_groups = g.GroupInputs() / kDepthGroup;
  if (depth_groups > table.group_depth) {
    return idle * (CanTransform(g) ? 16 : 4) <= lanes ? panels : 0;
  }
  const bool last = idle == 0 || (depth_groups <= 2 && 2 * idle < wide);
  return last ? panels : panels - 1;
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

}  // namespace

bool ReadsGroupsInPlace(const Geometry& g, const kernels::KernelTable& table) {
  if (g.groups == 1 || g.GroupInputs() == 1) return false;
  if (g.kernel[0] != 1 || g.kernel[2] != kernels::kGroupTaps) return false;
  if (g.ColumnStride() > kernels::kGroupStrides) return false;
  if (g.kernel[1] > GroupFeeder::kMostKernelRows) return false;
  const int64_t rotated = RotatedPanels(g, table);
  if (rotated > 0 && rotated * RotatedColumns(table) >= g.out_channels) return true;
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

std::vector<int> ChooseGroupPanels(const Geometry& g, const kernels::KernelTable& table) {
  const int64_t rotated = RotatedPanels(g, table);
  std::vector<int> panels(static_cast<size_t>(rotated), kernels::kRotatedVectors - 1);
  const int vectors =
      ReadsSameQuads(g, kernels::kGroupVectors * table.lanes) ? kernels::kGroupVectors : 1;
  const int64_t left = std::max<int64_t>(g.out_channels - rotated * RotatedColumns(table), 0);
  const int64_t others = CeilDiv(left, vectors * table.lanes);
  panels.insert(panels.end(), static_cast<size_t>(others), vectors - 1);
  return panels;
}

void FillGroupOrders(PackedLayer& layer) {
  const auto has_orders = [&](const Panel& panel) { return HasGroupOrders(layer, panel); };
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

bool HasGroupOrders(const PackedLayer& layer, const Panel& panel) {
  if (layer.RotatesQuads(panel)) return layer.spread.depth_groups > 1;
  return !ReadsSameQuads(layer.geometry, layer.kernels->lanes);
}

}  // namespace qconv::pack
