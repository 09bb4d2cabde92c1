// RunLayer: Run, once the arguments are checked.
//
// Layer: middle end. Read next: plan.h for the blocks, pack/feed.h for their input,
// kernels/gemm_tile.inl.h for what a kernel does with them, transformed.h for another way.
#pragma once

#include <cstdint>

#include "pack/neighbours.h"
#include "pack/packed_layer.h"
#include "qconv/executor.h"

namespace qconv {

// How RunLayer computes images of one size.
struct Way {
  bool transformed;        // by PackedLayer::transformed (transform_model.h); if not,
  pack::Combination rows;  // several neighbouring pixels at once, or one
};
Way ChooseWay(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
              const pack::Dims& output_size);

void RunLayer(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input_size,
              const pack::Dims& output_size, const uint8_t* input, uint8_t* output,
              const Executor& executor);

}  // namespace qconv
