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

// Touches every page of the `bytes` below the caller's frame, unless the thread has done so before
// and has not been on another stack since (that of another fiber).
// (To do so each time takes squeeze layers of 0.2 us a third longer, and 3x3 layers of 13 us a
// tenth.)
void CheckStack(int64_t bytes);

}  // namespace qconv
