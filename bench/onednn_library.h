// The process-wide settings of oneDNN: which instructions it uses and how many threads.
//
// Read next: onednn_peer.cpp.
#pragma once

#include <string>

namespace qconv::bench::onednn {

// Allows oneDNN the instructions of one of our ISAs and no more (on a CPU with AMX it would use
// that, which has another ceiling). Must come before any other use of oneDNN. Throws
// std::invalid_argument when it has no such setting.
void HoldToIsa(const std::string& isa);

// The instructions that oneDNN may use, by its own name: "avx512_core_vnni".
std::string EffectiveIsa();

// Sets the number of threads of oneDNN's OpenMP runtime. Throws std::invalid_argument when it has
// another runtime and `threads` is not what that gives.
void SetThreads(int threads);

// Ends the worker threads of the OpenMP runtime, which otherwise spin for some milliseconds after
// each parallel region. The next region starts them again.
void PauseThreads();

}  // namespace qconv::bench::onednn
