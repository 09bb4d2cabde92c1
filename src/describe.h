// DescribeLayer: what packing has chosen, in words for users.
//
// Layer: middle end. Read next: arithmetic.h.
#pragma once

#include "pack/packed_layer.h"
#include "qconv/conv.h"

namespace qconv {

ConvDescription DescribeLayer(const pack::PackedLayer& layer);

}  // namespace qconv
