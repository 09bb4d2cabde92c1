#include "pack/weights.h"

#include <algorithm>
#include <cstring>

#include "pack/integers.h"
#include "pack/slide.h"

namespace qconv::pack {

int32_t WeightReader::Get(const Panel& panel, int column, int64_t tap, int64_t byte) const {
  const ChannelGroup& group = layer_.groups[static_cast<size_t>(panel.group)];
  if (column >= panel.columns || byte >= group.tap_bytes) return 0;
  const int64_t out = panel.out_begin + column;
  if (layer_.feed == Feed::kLanes) return GetLane(out, tap, byte);
  // The panel's tap is one of the kernel, or a row or plane of it.
  tap *= row_taps_;
  if (layer_.feed == Feed::kStrips) {
    const StripLayout::Place place = layer_.strips.Find(byte);
    if (place.row >= layer_.strips.rows) return 0;
    tap += place.row * layer_.geometry.kernel[2];
    byte = place.byte;
  }
  if (byte >= group.in_channels) {
    tap += byte / group.in_channels;
    byte %= group.in_channels;
  }
  const int64_t own_group = layer_.geometry.groups == 1 ? 0 : out / group_outputs_;
  const int64_t in = group.in_begin + byte - own_group * group_inputs_;
  if (in < 0 || in >= group_inputs_) return 0;  // a channel of another group
  return At(out, tap * group_inputs_ + in);
}

int32_t WeightReader::GetLane(int64_t out, int64_t tap, int64_t byte) const {
  const Geometry& g = layer_.geometry;
  const SpreadLayout& s = layer_.spread;
  const bool channels = s.form == kernels::SpreadForm::kChannels;
  const Dims& grid = layer_.tap_grid;
  // `byte` counts channels, or taps of the quad.
  const int64_t in = channels ? byte : 0, in_quad = channels ? 0 : byte;
  const int64_t share = tap / layer_.GridTaps();
  const int64_t row = share / s.output_columns, column = share % s.output_columns;
  const int64_t d = tap / (grid[1] * grid[2]) % grid[0];
  const int64_t h = tap / grid[2] % grid[1] * s.quad_h + in_quad / s.quad_w - row * s.row_taps;
  const int64_t w = tap % grid[2] * s.quad_w + in_quad % s.quad_w - column * s.column_taps;
  const bool inside = h >= 0 && h < g.kernel[1] && w >= 0 && w < g.kernel[2];
  if (in >= g.GroupInputs() || !inside) return 0;
  return At(out, ((d * g.kernel[1] + h) * g.kernel[2] + w) * g.GroupInputs() + in);
}

int32_t WeightReader::At(int64_t out, int64_t at) const {
  const int32_t weight = weights_[static_cast<size_t>(out * kernel_taps_ * group_inputs_ + at)];
  if (!folds_zero_points_) return weight;
  return weight - WeightZeroPoint(zero_points_, out);
}

int64_t CountWeightParts(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         const PackedLayer& layer) {
  if (layer.feed != Feed::kLanes || zero_points.empty() ||
      layer.kernels->weight_format == kernels::WeightFormat::kS16EvenOdd) {
    return 1;
  }
  const size_t channel_weights = weights.size() / zero_points.size();
  int64_t parts = 1;
  for (size_t i = 0; i < weights.size(); ++i) {
    const int64_t weight = weights[i] - zero_points[i / channel_weights];
    const int64_t range = weight < 0 ? 128 : 127;
    parts = std::max(parts, CeilDiv(std::abs(weight), range));
  }
  return parts;
}

namespace {

using Quad = int16_t[kernels::kDepthGroup];

// Writes a vector, whose quads fill(lane, quad) tells. Returns where it ends.
template <class Fill>
std::byte* WriteVector(const kernels::KernelTable& table, const Fill& fill, std::byte* out) {
  const bool widened = table.weight_format == kernels::WeightFormat::kS16EvenOdd;
  const int vector_bytes = table.lanes * kernels::kDepthGroup * (widened ? 2 : 1);
  for (int lane = 0; lane < table.lanes; ++lane) {
    Quad quad;
    fill(lane, quad);
    if (widened) {
      const int16_t even[] = {quad[0], quad[2]}, odd[] = {quad[1], quad[3]};
      std::memcpy(out + lane * 4, even, 4);
      std::memcpy(out + vector_bytes / 2 + lane * 4, odd, 4);
    } else {
      int8_t bytes[kernels::kDepthGroup];
      for (int i = 0; i < kernels::kDepthGroup; ++i) bytes[i] = static_cast<int8_t>(quad[i]);
      std::memcpy(out + lane * 4, bytes, 4);
    }
  }
  return out + vector_bytes;
}

// Writes one part of the panels for one of the outputs that share positions: what is left of each
// weight after the parts before, clamped to s8.
void PackPanels(const WeightReader& reader, int64_t share, int64_t part, PackedLayer& layer) {
  const kernels::KernelTable& table = *layer.kernels;
  const bool widened = table.weight_format == kernels::WeightFormat::kS16EvenOdd;
  const auto part_of = [&](int32_t weight) {
    if (widened) return static_cast<int16_t>(weight);
    for (int64_t i = 0; i < part; ++i) weight -= std::clamp(weight, -128, 127);
    return static_cast<int16_t>(std::clamp(weight, -128, 127));
  };
  for (const Panel& panel : layer.panels) {
    if (panel.shape == kernels::kChainedShape) continue;
    const int vectors = table.shapes[panel.shape].vectors;
    const int64_t depth_groups = layer.groups[static_cast<size_t>(panel.group)].depth_groups;
    std::byte* out = layer.weights.data() + panel.weights_offset +
                     (share * layer.weight_parts + part) * layer.WeightPartBytes(panel);
    const int64_t first_tap = share * layer.GridTaps();
    for (int64_t tap = first_tap; tap < first_tap + layer.GridTaps(); ++tap) {
      for (int64_t group = 0; group < depth_groups; ++group) {
        for (int v = 0; v < vectors; ++v) {
          const auto fill = [&](int lane, Quad& quad) {
            const int column = layer.Column(panel, v * table.lanes + lane);
            const int64_t byte = layer.InputGroup(panel, group, lane) * kernels::kDepthGroup;
            for (int i = 0; i < kernels::kDepthGroup; ++i) {
              quad[i] = part_of(reader.Get(panel, column, tap, byte + i));
            }
          };
          out = WriteVector(table, fill, out);
        }
      }
    }
  }
}

// Writes the weights of slides with pairs of columns, behind those of spread input.
void PackPairs(const WeightReader& reader, PackedLayer& layer) {
  const kernels::KernelTable& table = *layer.kernels;
  const kernels::SlideForm& form = kernels::kSlideForms[layer.slide_form];
  for (const Panel& panel : layer.panels) {
    std::byte* out = layer.weights.data() + SlideWeightsOffset(layer, panel);
    for (int64_t quad = 0; quad < layer.spread.output_rows * form.quads; ++quad) {
      const bool pairs = quad % form.quads == form.quads - 1;
      for (int tap = 0; tap < form.taps; tap += pairs ? 2 : 1) {
        for (int v = 0; v < table.shapes[panel.shape].vectors; ++v) {
          const auto fill = [&](int lane, Quad& weights) {
            const int column = layer.Column(panel, v * table.lanes + lane);
            for (int i = 0; i < kernels::kDepthGroup; ++i) {
              const int own = pairs ? tap - 1 + i / 2 : tap, row = pairs ? i % 2 : i;
              const int64_t from = quad * form.taps + own;
              const int32_t weight = own < 0 ? 0 : reader.Get(panel, column, from, row);
              weights[i] = static_cast<int16_t>(weight);
            }
          };
          out = WriteVector(table, fill, out);
        }
      }
    }
  }
}

}  // namespace

void PackWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                 PackedLayer& layer) {
  const WeightReader reader(layer, weights, zero_points);
  for (int64_t share = 0; share < layer.spread.Sharing(); ++share) {
    for (int64_t part = 0; part < layer.weight_parts; ++part) {
      PackPanels(reader, share, part, layer);
    }
  }
  if (layer.SlidesPairs()) PackPairs(reader, layer);
}

}  // namespace qconv::pack
