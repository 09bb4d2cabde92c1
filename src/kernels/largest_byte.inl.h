// The largest of some bytes, for layers with a declared input maximum.
//
// Layer: kernels, compiled once per ISA; the compiler vectorizes it.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

uint8_t LargestByte(const uint8_t* bytes, int64_t count) {
  uint8_t largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = bytes[i] > largest ? bytes[i] : largest;
  return largest;
}

}  // namespace
}  // namespace qconv::kernels
