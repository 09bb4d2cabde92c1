// Winograd: layers with 3x3 (in rank 3: n x 3 x 3) kernels and strides of 1 in h and w, their
// weights transformed.
//
// Layer: pack. ../kernels/winograd.inl.h has the formula. The transformed weights of a panel are
//
//   [position 0..35][kernel plane][pair of input channels][vector][lane][2]   s16
//
// less their zero points, so that the kernels see none. Sums go over all kernel planes. Eight
// bytes for each weight. Read next: transformed.h.
#pragma once

#include <cstdint>
#include <span>

#include "pack/packed_layer.h"

namespace qconv::pack {

// Whether there are Winograd kernels for a layer of this shape.
bool HasWinogradShape(const PackedLayer& layer);

// In how many parts, of chunks of input channels, Winograd kernels must sum up the products of a
// layer of their shape, its input maximum and these weights, so that they compute it exactly. 0:
// they cannot.
int64_t WinogradParts(const PackedLayer& layer, std::span<const int8_t> weights,
                      std::span<const int32_t> zero_points);

// Fills layer.weights and layer.padding; panels must be laid out.
void PackWinogradWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         PackedLayer& layer);

}  // namespace qconv::pack
