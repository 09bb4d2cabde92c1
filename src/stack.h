// CheckStack: a fault where a thread's stack is too small for Run or a task of it. Without it their
// frames could reach over the guard page, into memory of others.
//
// Layer: middle end. Called before the functions whose frames are large: those of run.cpp and
// transformed.cpp.
#pragma once

#include <cstdint>

namespace qconv {

// What kernels take below the frame of a task, about.
inline constexpr int64_t kCalleeBytes = 24 * 1024;

// What has been touched, of one stack: a thread that runs fibers has several. Part of each thread's
// first memory: nothing is allocated. (GCC wants the model at the definition, too.)
struct TouchedStack {
  uintptr_t begin, end;
};
extern constinit thread_local TouchedStack touched_stack __attribute__((tls_model("initial-exec")));

// Touches every page from `begin` to the caller's frame, `end`.
void TouchStack(uintptr_t begin, uintptr_t end);

// Touches every page of the `bytes` below the caller's frame, unless these addresses are among
// those that the thread touched last, without a gap. (What it cannot see: a larger stack that has
// been freed since, and a smaller one in its place.) To do so each time would take squeeze layers
// of 0.2 us a third longer, and 3x3 layers of 13 us a tenth.
inline void CheckStack(int64_t bytes) {
  const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const uintptr_t begin = frame - static_cast<uintptr_t>(bytes);
  if (begin < touched_stack.begin || frame > touched_stack.end) TouchStack(begin, frame);
}

}  // namespace qconv
