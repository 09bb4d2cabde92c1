#include "pack/strips.h"

#include <algorithm>

#include "kernels/kernel_table.h"
#include "pack/integers.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;
using kernels::kJoinBytes;

// Without what only joining takes.
StripLayout CountGroups(const Geometry& g) {
  const int64_t row_bytes = g.kernel[2] * g.in_channels;
  StripLayout layout;
  layout.pixel_step = g.stride[2] * g.in_channels;
  layout.rows = g.kernel[1];
  layout.row_groups = row_bytes / kDepthGroup;
  layout.remainder = row_bytes % kDepthGroup;
  if (layout.remainder == 0) return layout;
  // The joined bytes of a pixel must not reach those of the next.
  const int64_t fit = std::min<int64_t>(layout.pixel_step, kDepthGroup) / layout.remainder;
  layout.joined_rows = std::max<int64_t>(fit, 1);
  layout.joined_groups = CeilDiv(layout.rows, layout.joined_rows);
  return layout;
}

}  // namespace

StripLayout::Place StripLayout::Find(int64_t byte) const {
  const int64_t full = rows * row_groups * kDepthGroup, row_bytes = row_groups * kDepthGroup;
  if (byte < full) return {byte / row_bytes, byte % row_bytes};
  const int64_t group = (byte - full) / kDepthGroup, in_group = (byte - full) % kDepthGroup;
  const int64_t row = in_group / remainder;
  if (row >= joined_rows) return {rows, 0};
  return {group * joined_rows + row, row_bytes + in_group % remainder};
}

StripLayout MakeStripLayout(const Geometry& g) {
  constexpr uint8_t kAll = 255;
  StripLayout layout = CountGroups(g);
  layout.period = kJoinBytes / layout.pixel_step * layout.pixel_step;
  layout.masks.resize(static_cast<size_t>(layout.joined_rows * kJoinBytes));
  for (int64_t i = 0; i < kJoinBytes; ++i) {
    const int64_t row = i % layout.pixel_step / layout.remainder;
    if (row < layout.joined_rows) layout.masks[static_cast<size_t>(row * kJoinBytes + i)] = kAll;
  }
  return layout;
}

bool PrefersStrips(const Geometry& g, const kernels::KernelTable& table) {
  // Links of chains begin anywhere in a row as it is.
  if (table.weight_format != kernels::WeightFormat::kS8Quads) return false;
  constexpr int64_t kLeastGain = 16;  // of depth groups, one in so many
  const StripLayout layout = CountGroups(g);
  const int64_t saved = layout.rows - layout.joined_groups;  // row by row each has one of its own
  return layout.remainder > 0 && saved * kLeastGain >= layout.DepthGroups() &&
         layout.pixel_step <= kJoinBytes && g.stride[2] <= g.kernel[2] &&
         layout.DepthGroups() * g.kernel[0] <= kernels::kMaxListedGroups;
}

void ListStripGroups(const StripLayout& layout, int64_t planes, int64_t plane, int64_t row,
                     int64_t joined, int64_t* list) {
  for (int64_t i = 0; i < planes; ++i) {
    for (int64_t j = 0; j < layout.rows; ++j) {
      for (int64_t k = 0; k < layout.row_groups; ++k) {
        *list++ = i * plane + j * row + k * kDepthGroup;
      }
    }
    for (int64_t k = 0; k < layout.joined_groups; ++k) {
      *list++ = i * plane + k * layout.joined_rows * row + joined;
    }
  }
}

}  // namespace qconv::pack
