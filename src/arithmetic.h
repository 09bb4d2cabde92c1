// What the packer has chosen for the products of a layer, and what that takes.
//
// Layer: middle end. Read next: pack/chains.h for the choice.
#pragma once

#include "pack/packed_layer.h"
#include "qconv/conv.h"

namespace qconv {

// What multiplying takes for a pixel with all taps, in vector instructions beside loads. Of layers
// without lanes.
int64_t MultiplyInstructions(const pack::PackedLayer& layer);

// Fills in `arithmetic` and the counts that belong to it.
void DescribeArithmetic(const pack::PackedLayer& layer, ConvDescription& description);

}  // namespace qconv
