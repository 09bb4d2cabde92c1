// HideInRegister, HideInVector, HideInMemory: hide from the compiler where a value comes from.
//
// Layer: kernels. It stays where it is, then: it is not computed or loaded again for each of its
// uses, nor moved out of a loop into a register that others need. Functions, because Clang does not
// see that a lambda captures what only an asm statement in it names.
#pragma once

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

}  // namespace
}  // namespace qconv::kernels
