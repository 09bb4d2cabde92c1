#include "qconv/executor.h"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

#if defined(__SANITIZE_THREAD__)
#define QCONV_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QCONV_TSAN
#endif
#endif
#ifdef QCONV_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace qconv {
namespace {

// A point that threads pass one after the other, for the thread sanitizer: it does not see how they
// wait for each other in oneTBB's library, which is built without it.
class Passage {
 public:
#ifdef QCONV_TSAN
  void Leave() { __tsan_release(this); }
  void Enter() { __tsan_acquire(this); }
#else
  void Leave() {}
  void Enter() {}
#endif
};

constexpr int kMostThreads = 65536;  // oneTBB fails at some ten million

void ParallelForInArena(int64_t count, Executor::Task task, const void* context) {
  if (count == 1) return task(context, 0);
  // A layer is computed to its end even if the caller's own group of tasks is cancelled, and a
  // thread that waits for it takes up no other work: the caller may hold a lock.
  tbb::task_group_context group(tbb::task_group_context::isolated);
  Passage begin, end;
  begin.Leave();
  tbb::this_task_arena::isolate([&] {
    const auto run = [&](int64_t index) {
      begin.Enter();
      task(context, index);
      end.Leave();
    };
    tbb::parallel_for(int64_t{0}, count, run, group);
  });
  end.Enter();
}

// Constants: nothing is registered for the end of the program, which may allocate. (GCC 12 takes no
// default for such a destructor.)
class CurrentExecutor final : public Executor {
 public:
  constexpr ~CurrentExecutor() override {}  // NOLINT(modernize-use-equals-default)
  int Concurrency() const override { return tbb::this_task_arena::max_concurrency(); }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    ParallelForInArena(count, task, context);
  }
};

class SerialExecutor final : public Executor {
 public:
  constexpr ~SerialExecutor() override {}  // NOLINT(modernize-use-equals-default)
  int Concurrency() const override { return 1; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = 0; i < count; ++i) task(context, i);
  }
};

// So many threads, or as many as oneTBB runs: of an arena with more it prints a warning.
int Allowed(int threads) {
  using tbb::global_control;
  const size_t most = global_control::active_value(global_control::max_allowed_parallelism);
  return static_cast<int>(std::min(static_cast<size_t>(threads), most));
}

class ArenaExecutor final : public Executor {
 public:
  explicit ArenaExecutor(int threads) : threads_(Allowed(threads)), arena_(threads_) {}
  int Concurrency() const override { return threads_; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    arena_.execute([=] { ParallelForInArena(count, task, context); });
  }

 private:
  int threads_;
  mutable tbb::task_arena arena_;  // thread-safe
};

}  // namespace

const Executor& Executor::Current() {
  static constexpr CurrentExecutor kExecutor;
  return kExecutor;
}

const Executor& Executor::Serial() {
  static constexpr SerialExecutor kExecutor;
  return kExecutor;
}

std::unique_ptr<Executor> Executor::Threads(int threads) {
  if (threads < 1 || threads > kMostThreads) {
    throw std::invalid_argument("qconv: threads is " + std::to_string(threads) + "; want 1.." +
                                std::to_string(kMostThreads));
  }
  if (threads == 1) return std::make_unique<SerialExecutor>();
  return std::make_unique<ArenaExecutor>(threads);
}

}  // namespace qconv
