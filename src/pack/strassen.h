// Strassen: pointwise layers, of any stride, for ISAs without an exact dot product of quads; their
// weights transformed.
//
// Layer: pack. ../kernels/strassen.inl.h has the formula. As many panels as there are blocks, one
// of each block of output channels, share their weights; such sets follow one another. The
// transformed weights of a set are
//
//   [position][pair of input channels of a block][vector][lane][2]   s16
//
// less their zero points, so that the kernels see none. Read next: transformed.h.
#pragma once

#include <cstdint>
#include <span>

#include "pack/packed_layer.h"

namespace qconv::pack {

// Whether there are kernels of layer.transform, one of Strassen's, for a layer of this shape.
bool HasStrassenShape(const PackedLayer& layer);

// Whether transformed weights fit s16.
bool FitsStrassen(const PackedLayer& layer, std::span<const int8_t> weights,
                  std::span<const int32_t> zero_points);

// Fills layer.weights; panels must be laid out.
void PackStrassenWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         PackedLayer& layer);

}  // namespace qconv::pack
