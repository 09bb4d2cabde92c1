#include "stack.h"

#include <cstddef>

namespace qconv {

constinit thread_local TouchedStack touched_stack __attribute__((tls_model("initial-exec"))) = {};

void TouchStack(uintptr_t begin, uintptr_t end) {
  // -fstack-clash-protection (CMakeLists.txt) touches it page by page.
  asm volatile("" : : "r"(__builtin_alloca(static_cast<size_t>(end - begin))) : "memory");
  const bool same_stack = end >= touched_stack.begin && end <= touched_stack.end;
  if (!same_stack) touched_stack.end = end;
  touched_stack.begin = begin;
}

}  // namespace qconv
