#include "stack.h"

#include <cstddef>

namespace qconv {
namespace {

// What has been touched, of one stack: a thread that runs fibers has several. (Part of each
// thread's first memory: nothing is allocated.)
struct Touched {
  uintptr_t begin = 1, end = 0;
};
thread_local Touched touched __attribute__((tls_model("initial-exec")));

}  // namespace

void CheckStack(int64_t bytes) {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const uintptr_t begin = frame - static_cast<uintptr_t>(bytes);
  const bool same_stack = frame >= touched.begin && frame <= touched.end;
  if (same_stack && begin >= touched.begin) return;
  // -fstack-clash-protection (CMakeLists.txt) touches it page by page.
  asm volatile("" : : "r"(__builtin_alloca(static_cast<size_t>(bytes))) : "memory");
  touched.begin = begin;
  if (!same_stack) touched.end = frame;
}

}  // namespace qconv
