// Joins bytes of several rows into one (pack/strips.h).
//
// Layer: kernels, compiled once per ISA.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

// The compiler splits it into registers.
using Bytes = uint8_t __attribute__((vector_size(kJoinBytes)));

inline __attribute__((always_inline)) void LoadBytes(const uint8_t* from, Bytes& bytes) {
  std::memcpy(&bytes, from, sizeof bytes);
}

template <int count>
void JoinRows(const JoinTask& task) {
  Bytes masks[count];
  for (int r = 0; r < count; ++r) LoadBytes(task.masks + r * kJoinBytes, masks[r]);
  for (int64_t at = 0; at < task.bytes; at += task.period) {
    Bytes joined = {};
    for (int r = 0; r < count; ++r) {
      Bytes bytes;
      LoadBytes(task.rows[r] + at, bytes);
      joined |= bytes & masks[r];
    }
    std::memcpy(task.output + at, &joined, sizeof joined);
  }
}

void JoinRows(const JoinTask& task) {
  switch (task.count) {
    case 1:
      return JoinRows<1>(task);
    case 2:
      return JoinRows<2>(task);
    case 3:
      return JoinRows<3>(task);
    default:
      return JoinRows<4>(task);
  }
}

}  // namespace
}  // namespace qconv::kernels
