// DescribeArithmetic: what the packer has chosen for the products of a layer, for ConvDescription.
//
// Layer: middle end. Read next: pack/chains.h for the choice.
#pragma once

#include "pack/packed_layer.h"
#include "qconv/conv.h"

namespace qconv {

// Fills in `arithmetic` and the counts that belong to it.
void DescribeArithmetic(const pack::PackedLayer& layer, ConvDescription& description);

}  // namespace qconv
