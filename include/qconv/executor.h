// Executor: who runs the tiles of a layer.
//
// Layer: public API. oneTBB stays behind it (src/executor.cpp); an engine with a thread pool of its
// own derives from Executor instead. Read next: conv.h.
#pragma once

#include <cstdint>
#include <memory>

#include "qconv/export.h"

namespace qconv {

class QCONV_API Executor {
 public:
  // Work on task `index`; must not throw. Those of Conv::Run take up to 700 KiB of stack, without
  // PrepackOptions::transforms up to 120; beside them Run takes 40 KiB on the thread that calls it.
  using Task = void (*)(const void* context, int64_t index);

  virtual ~Executor() = default;

  // Number of tasks that may run at once, >= 1. A hint for how finely to split.
  virtual int Concurrency() const = 0;

  // Calls task(context, i) once for each i in [0, count), in any order, on any threads, and returns
  // when all have returned.
  virtual void ParallelFor(int64_t count, Task task, const void* context) const = 0;

  // The oneTBB task arena of the calling thread: inside tbb::task_arena::execute that arena, else
  // the default one (all cores). The default of Conv::Run.
  static const Executor& Current();

  // The calling thread alone.
  static const Executor& Serial();

  // A oneTBB arena of its own with `threads` threads, the caller's included, or as many as oneTBB
  // allows now (its global_control; else one for each core) if these are fewer.
  // Throws std::invalid_argument unless threads is 1..65536.
  static std::unique_ptr<Executor> Threads(int threads);
};

}  // namespace qconv
