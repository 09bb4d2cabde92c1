// Sums of the input bytes under a kernel window, for layers with weight zero points.
//
// Layer: kernels, compiled once per ISA; the compiler vectorizes it.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

void SumRows(const uint8_t* input, const Row* rows, int64_t row_count, const TapLoop taps[3],
             int64_t depth, int32_t* sums) {
  for (int64_t r = 0; r < row_count; ++r) {
    uint32_t sum = 0;  // wraps like the accumulators it corrects
    for (int64_t i = 0; i < taps[0].count; ++i) {
      for (int64_t j = 0; j < taps[1].count; ++j) {
        for (int64_t l = 0; l < taps[2].count; ++l) {
          const uint8_t* a = input + rows[r].input + i * taps[0].input_stride +
                             j * taps[1].input_stride + l * taps[2].input_stride;
          for (int64_t k = 0; k < depth; ++k) sum += a[k];
        }
      }
    }
    sums[r] = static_cast<int32_t>(sum);
  }
}

}  // namespace
}  // namespace qconv::kernels
