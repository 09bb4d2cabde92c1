#include "stack.h"

#include <cstddef>
#include <limits>

namespace qconv {
namespace {

// Below it nothing has been touched. (Part of each thread's first memory: nothing is allocated.)
thread_local uintptr_t lowest __attribute__((tls_model("initial-exec"))) =
    std::numeric_limits<uintptr_t>::max();

}  // namespace

void CheckStack(int64_t bytes) {
  const uintptr_t end =
      reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - static_cast<uintptr_t>(bytes);
  if (end >= lowest) return;
  // -fstack-clash-protection (CMakeLists.txt) touches it page by page.
  asm volatile("" : : "r"(__builtin_alloca(static_cast<size_t>(bytes))) : "memory");
  lowest = end;
}

}  // namespace qconv
