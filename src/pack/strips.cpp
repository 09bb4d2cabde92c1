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

int64_t StripDepthGroups(const Geometry& g) { return CountGroups(g).DepthGroups(); }

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
  // (Links of chains begin anywhere in a row as it is.)
  if (table.weight_format != kernels::WeightFormat::kS8Quads) return false;
  const StripLayout layout = CountGroups(g);
  if (layout.remainder == 0 || layout.pixel_step > kJoinBytes || g.stride[2] > g.kernel[2] ||
      layout.DepthGroups() * g.kernel[0] > kernels::kMaxListedGroups) {
    return false;
  }
  // Of a kernel plane, for a pixel, in dot products of a vector: what joining saves, and what it
  // takes; and copying, of layers whose rows would not be copied otherwise.
  constexpr int64_t kJoinLanes = 4, kCopyLanes = 2;  // a byte takes so many lanes of a product
  const bool rows_shared = g.dilation[1] == 1 && g.kernel[0] == 1;  // by output rows
  const int64_t new_rows = rows_shared ? std::min(g.stride[1], layout.rows) : layout.rows;
  const int64_t joins = layout.joined_groups - layout.JoinedAbove(new_rows);
  const bool copied = g.padding[2] + g.padding_end[2] > 0;
  const int64_t bytes = joins * kJoinLanes + (copied ? 0 : new_rows * kCopyLanes);
  const int64_t saved = layout.rows - layout.joined_groups;  // row by row each has one of its own
  return saved * CeilDiv(g.out_channels, table.lanes) * table.lanes > bytes * layout.pixel_step;
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
