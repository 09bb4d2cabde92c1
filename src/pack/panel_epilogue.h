// How the columns of a panel become bytes: in which order they lie, whether in registers, and in a
// single step or not (kernels::PanelEpilogue).
//
// Layer: pack. Read next: fuse.h for the single step, columns.h for the order.
#pragma once

#include <cstdint>
#include <span>

#include "pack/fuse.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// What the numbers of an output channel ask for.
struct ColumnRequantization {
  Requantization steps;  // zero point and clamp: the same for all columns
  AccumulatorRange range;
  int32_t weight_zero_point;  // 0 if it is in the weights
};

// Orders the columns of a panel, one of `columns` each, so that those that take a single step share
// vectors, and fills the panel's epilogue, and but for the offsets all per-column arrays of the
// layer that it points to. Needs the panel's place in them.
void SetEpilogue(std::span<const ColumnRequantization> columns, Panel& panel, PackedLayer& layer);

}  // namespace qconv::pack
