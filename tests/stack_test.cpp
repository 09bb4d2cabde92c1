// How much stack the tasks of Conv::Run take, and Run itself: no more than executor.h says, and
// what becomes of threads that do not have it.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kThread = 8 * kKiB;  // what a thread takes of its stack itself

// Runs `work` on a thread of its own with this stack.
void RunOnStack(void* stack, size_t bytes, const std::function<void()>& work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  const int refused = pthread_attr_setstack(&attributes, stack, bytes);
  std::function<void()> copy = work;
  const auto start = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  pthread_t thread;
  if (refused != 0 || pthread_create(&thread, &attributes, start, &copy) != 0) std::abort();
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// Bytes of stack that `work` takes on a thread of its own, in pages.
int64_t StackOf(const std::function<void()>& work) {
  constexpr size_t kBytes = size_t{1} << 20, kPage = 4096;
  constexpr uint8_t kPaint = 0xa5;
  std::vector<uint8_t> room(kBytes + kPage);
  uint8_t* stack = room.data() + kPage - reinterpret_cast<uintptr_t>(room.data()) % kPage;
  std::fill_n(stack, kBytes, kPaint);
  RunOnStack(stack, kBytes, work);
  const uint8_t* lowest =
      std::find_if(stack, stack + kBytes, [](uint8_t b) { return b != kPaint; });
  return stack + kBytes - lowest;
}

// Memory whose upper end is a stack of so many bytes, with a page below it that cannot be accessed.
class GuardedStack {
 public:
  explicit GuardedStack(int64_t bytes)
      : memory_(static_cast<std::byte*>(
            mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))),
        bytes_(bytes) {
    if (memory_ == MAP_FAILED || mprotect(stack() - kPage, kPage, PROT_NONE) != 0) std::abort();
  }
  ~GuardedStack() { munmap(memory_, kBytes); }
  GuardedStack(const GuardedStack&) = delete;
  GuardedStack& operator=(const GuardedStack&) = delete;
  std::byte* stack() const { return memory_ + kBytes - bytes_; }
  size_t bytes() const { return static_cast<size_t>(bytes_); }
  // What lies below the page.
  std::byte* below() const { return memory_; }
  size_t below_bytes() const { return static_cast<size_t>(kBytes - bytes_ - kPage); }

 private:
  static constexpr int64_t kBytes = int64_t{4} << 20, kPage = 4096;
  std::byte* memory_;
  int64_t bytes_;
};

void RunOnStackOf(int64_t bytes, const std::function<void()>& work) {
  const GuardedStack stack(bytes);
  RunOnStack(stack.stack(), stack.bytes(), work);
}

// What a fiber is to do: the arguments of its function can only be numbers.
const std::function<void()>* fiber_work = nullptr;

// The same as RunOnStack on a fiber of this thread.
void RunOnFiber(std::byte* stack, size_t bytes, const std::function<void()>& work) {
  ucontext_t caller, fiber;
  if (getcontext(&fiber) != 0) std::abort();
  fiber.uc_stack.ss_sp = stack;
  fiber.uc_stack.ss_size = bytes;
  fiber.uc_link = &caller;
  fiber_work = &work;
  makecontext(&fiber, [] { (*fiber_work)(); }, 0);
  if (swapcontext(&caller, &fiber) != 0) std::abort();
}

// Runs tasks one by one, each wherever `run` does.
class Elsewhere : public Executor {
 public:
  using Run = std::function<void(const std::function<void()>&)>;
  explicit Elsewhere(Run run) : run_(std::move(run)) {}
  int Concurrency() const override { return 3; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = 0; i < count; ++i) run_([&] { task(context, i); });
  }

 private:
  Run run_;
};

// Kernels that keep columns of input on the stack.
test::Shape Depthwise5x5(const char* name, int64_t stride) {
  return {name,
          {.in_channels = 64,
           .out_channels = 64,
           .groups = 64,
           .kernel = {5, 5},
           .stride = {stride, stride},
           .padding = {2, 2}},
          {.size = {40, 40}}};
}

const test::Shape kShapes[] = {
    {"dense",
     {.in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
     {.size = {20, 20}}},
    {"winograd",
     {.in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {24, 24}}},
    {"pointwise", {.in_channels = 128, .out_channels = 128, .kernel = {1, 1}}, {.size = {24, 24}}},
    {"first",
     {.in_channels = 3, .out_channels = 32, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
     {.size = {64, 64}}},
    {"gathered",
     {.in_channels = 5, .out_channels = 9, .kernel = {3, 3}, .dilation = {2, 2}, .padding = {2, 2}},
     {.size = {30, 30}}},
    {"many_taps",
     {.in_channels = 16, .out_channels = 16, .kernel = {64}, .padding = {32}},
     {.size = {100}}},
    {"depthwise",
     {.in_channels = 64, .out_channels = 64, .groups = 64, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {20, 20}}},
    {"depthwise_k7",
     {.in_channels = 64, .out_channels = 64, .groups = 64, .kernel = {7, 7}, .padding = {3, 3}},
     {.size = {9, 9}}},
    Depthwise5x5("depthwise_k5", 1),
    Depthwise5x5("depthwise_k5_s2", 2),
    Depthwise5x5("depthwise_k5_s3", 3),
    {"groups",
     {.in_channels = 64, .out_channels = 64, .groups = 16, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {20, 20}}},
    {"volume",
     {.in_channels = 16, .out_channels = 16, .kernel = {3, 3, 3}, .padding = {1, 1, 1}},
     {.size = {6, 6, 6}}},
};

class StackTest : public ::testing::TestWithParam<test::IsaAndShape> {
 protected:
  // Packs the layer, and returns what runs it.
  static std::function<void(const Executor&)> Prepack(bool transforms = true) {
    const auto& [isa, shape] = GetParam();
    cases::Case c = cases::MakeCase(test::MakeLayer(shape.params, shape.image),
                                    cases::Weights::kLaplace, /*seed=*/1);
    c.transforms = transforms;
    const Conv conv = c.Prepack(isa);
    return [=](const Executor& executor) { c.Run(conv, executor); };
  }
};

TEST_P(StackTest, TakesNoMoreThanDocumented) {
  for (const bool transforms : {false, true}) {
    const auto run_layer = Prepack(transforms);
    const int64_t task = (transforms ? 700 : 120) * kKiB, run = 40 * kKiB;
    int64_t most = 0;
    const Elsewhere tasks(
        [&](const std::function<void()>& work) { most = std::max(most, StackOf(work)); });
    const int64_t alone = StackOf([&] { run_layer(Executor::Serial()); });
    const int64_t caller = StackOf([&] { run_layer(tasks); });
    EXPECT_LE(most, task);
    // Nothing faults there, either.
    run_layer(Elsewhere([&](const auto& work) { RunOnStackOf(kThread + task, work); }));
    EXPECT_LE(alone, run + task);
    EXPECT_LE(caller, run);
  }
}

// What is to fault, announced, so that nothing else is taken for it.
constexpr char kHere[] = "here";
std::function<void()> Announced(const std::function<void()>& work) {
  return [&work] {
    std::fputs(kHere, stderr);
    work();
  };
}

TEST_P(StackTest, TasksFaultRatherThanReachingBeyond) {
  const auto run = [run_layer = Prepack()] {
    run_layer(Elsewhere([](const auto& task) { RunOnStackOf(64 * kKiB, Announced(task)); }));
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGSEGV), kHere);
}

TEST_P(StackTest, RunFaultsRatherThanReachingBeyond) {
  const auto run = [run_layer = Prepack(/*transforms=*/false)] {
    const Elsewhere tasks([](const auto& task) { RunOnStackOf(1024 * kKiB, task); });
    const std::function<void()> work = [&] { run_layer(tasks); };
    RunOnStackOf(24 * kKiB, Announced(work));
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGSEGV), kHere);
}

// That of a thread which has had more room on another stack.
TEST_P(StackTest, FibersFaultRatherThanReachingBeyond) {
  const auto run = [run_layer = Prepack()] {
    const GuardedStack small(64 * kKiB);
    run_layer(Elsewhere([&](const auto& task) {
      RunOnFiber(small.below(), small.below_bytes(), task);
      RunOnFiber(small.stack(), small.bytes(), Announced(task));
    }));
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGSEGV), kHere);
}

INSTANTIATE_TEST_SUITE_P(Isa, StackTest,
                         ::testing::Combine(::testing::ValuesIn(test::UsableIsas()),
                                            ::testing::ValuesIn(kShapes)),
                         test::IsaAndShapeName);

}  // namespace
}  // namespace qconv
