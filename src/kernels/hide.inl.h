// HideInRegister, HideInVector, HideInMemory: hide from the compiler where a value comes from.
// DotInOrder: a dot product that stays where it is written.
//
// Layer: kernels. A hidden value stays where it is: it is not computed or loaded again for each of
// its uses, nor moved out of a loop into a register that others need. Functions, because Clang does
// not see that a lambda captures what only an asm statement in it names.
#pragma once

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

template <class T>
inline __attribute__((always_inline)) void HideInRegister(T& value) {
  asm("" : "+r"(value));
}
template <class T>
inline __attribute__((always_inline)) void HideInVector(T& value) {
  asm("" : "+v"(value));
}
template <class T>
inline __attribute__((always_inline)) void HideInMemory(T& value) {
  asm("" : "+m"(value));
}

// Whether a dot product is several instructions.
template <class Simd>
constexpr bool kWidens = Simd::kWeightFormat == WeightFormat::kS16EvenOdd;

// Simd::Dot, here and now; without its odd half, if that is widened and not wanted. GCC would
// compute the products of many sums first, for which it has no registers, and add them up at the
// end. (Groups of 4 on AVX-512: 68 GMAC/s, in order 92; depthwise 3x3 on AVX2: 24 and 29. Tiles of
// dense layers do not need it.)
template <class Simd, bool odd = true, class Activations, class Weights>
inline __attribute__((always_inline)) typename Simd::Width::Register DotInOrder(
    typename Simd::Width::Register acc, const Activations& a, const Weights& w) {
  if constexpr (!kWidens<Simd>) {
    return Simd::Dot(acc, a, w);
  } else {
    acc = Simd::AddWordProducts(acc, a.even, w.even);
    HideInVector(acc);
    if constexpr (odd) {
      acc = Simd::AddWordProducts(acc, a.odd, w.odd);
      HideInVector(acc);
    }
    return acc;
  }
}

}  // namespace
}  // namespace qconv::kernels
