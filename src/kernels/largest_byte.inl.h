// The largest of some bytes, for layers with a declared input maximum.
//
// Layer: kernels, compiled once per ISA; the compiler vectorizes it.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

// Of the bytes and `largest`.
uint8_t LargestByteFrom(const uint8_t* bytes, int64_t count, uint8_t largest) {
  for (int64_t i = 0; i < count; ++i) largest = bytes[i] > largest ? bytes[i] : largest;
  return largest;
}

// From a cache line boundary on, vectors of a whole line load twice as fast.
uint8_t LargestByte(const uint8_t* bytes, int64_t count) {
  constexpr int64_t kLine = 64;
  int64_t head = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(bytes) % kLine);
  if (head > count) head = count;
  return LargestByteFrom(bytes + head, count - head, LargestByteFrom(bytes, head, 0));
}

}  // namespace
}  // namespace qconv::kernels
