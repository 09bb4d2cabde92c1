// ScatteredRows, EvenRows: where the rows of a tile begin, m pointers or one and a distance.
//
// Layer: kernels. Rows that lie at one distance take few general registers however many they are:
// an address has a pointer and one, two or four times a register, so four rows share a pointer.
// (Small kernels have tiles of four rows at most: there no pointer moves on.)
#pragma once

#include <cstdint>

#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kRowsPerPointer = 4;

// Anywhere.
template <int m>
struct ScatteredRows {
  inline __attribute__((always_inline)) ScatteredRows(const PanelTask& task, const Row* rows) {
    Unroll<m>([&](auto r) {
      at[r] = task.input + rows[r].input;
      HideInRegister(at[r]);  // a pointer in a register, not a sum to be formed anew at each use
    });
  }
  inline __attribute__((always_inline)) void Move(int64_t bytes) {
    Unroll<m>([&](auto r) {
      at[r] += bytes;
      HideInRegister(at[r]);
    });
  }
  // Where vector registers are left GCC would keep pointers there, and get them back with
  // instructions that take the place of arithmetic.
  inline __attribute__((always_inline)) void Hide() {
    Unroll<m>([&](auto r) { HideInRegister(at[r]); });
  }

  const uint8_t* at[m];
};

// One after the other, task.runs.step apart.
template <int m>
struct EvenRows {
  inline __attribute__((always_inline)) EvenRows(const PanelTask& task, const Row* rows)
      : first(task.input + rows->input), step(task.runs.step), triple_step(3 * step) {}
  inline __attribute__((always_inline)) void Move(int64_t bytes) { first += bytes; }

  // From the first of the rows that share a pointer with row r.
  template <int r>
  inline __attribute__((always_inline)) int64_t Place() const {
    constexpr int kPlace = r % kRowsPerPointer;
    return kPlace == 3 ? triple_step : kPlace * step;
  }
  // Whether the pointer moves on before row r, and how far.
  template <int r>
  static constexpr bool kMovesOn = r > 0 && r % kRowsPerPointer == 0;
  inline __attribute__((always_inline)) int64_t Stride() const { return kRowsPerPointer * step; }

  // No multiples of the step in registers of their own.
  inline __attribute__((always_inline)) void Hide() {
    HideInRegister(step);
    HideInRegister(triple_step);
  }

  const uint8_t* first;
  int64_t step, triple_step;
};

}  // namespace
}  // namespace qconv::kernels
