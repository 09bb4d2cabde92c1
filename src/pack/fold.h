// Everything that can be computed from weights and quantization before the first input arrives:
// column offsets, multipliers, bias, clamp, and the proof that the accumulators cannot wrap.
//
// Layer: pack. The formulas are in include/qconv/conv.h. Read next: packed_layer.h.
#pragma once

#include <cstdint>
#include <span>

#include "pack/packed_layer.h"
#include "qconv/params.h"

namespace qconv::pack {

// Fills the per-column arrays, the tap sums, the clamp, the choice of epilogue and the accumulator
// bound of a layer whose panels are set. Arguments are validated, except for what only shows here:
// throws std::invalid_argument if an accumulator could leave int32 for some input, or if a combined
// scale is not representable.
void FoldQuantization(const Quantization& quantization, std::span<const int8_t> weights,
                      std::span<const float> bias, const Activation& activation,
                      PackedLayer& layer);

}  // namespace qconv::pack
