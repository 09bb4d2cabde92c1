// How much stack the tasks of Conv::Run take, and Run itself: no more than executor.h says.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int64_t kKiB = 1024;

// Bytes of stack that `work` takes on a thread of its own, in pages.
int64_t StackOf(const std::function<void()>& work) {
  constexpr size_t kBytes = size_t{1} << 20, kPage = 4096;
  constexpr uint8_t kPaint = 0xa5;
  std::vector<uint8_t> room(kBytes + kPage);
  uint8_t* stack = room.data() + kPage - reinterpret_cast<uintptr_t>(room.data()) % kPage;
  std::fill_n(stack, kBytes, kPaint);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  EXPECT_EQ(pthread_attr_setstack(&attributes, stack, kBytes), 0);
  pthread_t thread;
  const auto start = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  EXPECT_EQ(pthread_create(&thread, &attributes, start,
                           const_cast<void*>(static_cast<const void*>(&work))),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const uint8_t* lowest =
      std::find_if(stack, stack + kBytes, [](uint8_t b) { return b != kPaint; });
  return stack + kBytes - lowest;
}

// Runs tasks one by one, each on a thread of its own; remembers the most that one took.
class Measuring : public Executor {
 public:
  int Concurrency() const override { return 3; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = 0; i < count; ++i) {
      most_ = std::max(most_, StackOf([&] { task(context, i); }));
    }
  }
  int64_t most() const { return most_; }

 private:
  mutable int64_t most_ = 0;
};

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
    {"groups",
     {.in_channels = 64, .out_channels = 64, .groups = 16, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {20, 20}}},
    {"volume",
     {.in_channels = 16, .out_channels = 16, .kernel = {3, 3, 3}, .padding = {1, 1, 1}},
     {.size = {6, 6, 6}}},
};

class StackTest : public ::testing::TestWithParam<test::IsaAndShape> {};

TEST_P(StackTest, TakesNoMoreThanDocumented) {
  const auto& [isa, shape] = GetParam();
  cases::Case c = cases::MakeCase(test::MakeLayer(shape.params, shape.image),
                                  cases::Weights::kLaplace, /*seed=*/1);
  for (const bool transforms : {false, true}) {
    c.transforms = transforms;
    const Conv conv = c.Prepack(isa);
    const int64_t task = (transforms ? 690 : 110) * kKiB, run = 40 * kKiB;
    const Measuring tasks;
    const int64_t alone = StackOf([&] { c.Run(conv, Executor::Serial()); });
    const int64_t caller = StackOf([&] { c.Run(conv, tasks); });
    EXPECT_LE(tasks.most(), task);
    EXPECT_LE(alone, run + task);
    EXPECT_LE(caller, run);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, StackTest,
                         ::testing::Combine(::testing::ValuesIn(test::UsableIsas()),
                                            ::testing::ValuesIn(kShapes)),
                         test::IsaAndShapeName);

}  // namespace
}  // namespace qconv
