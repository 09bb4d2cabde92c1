// The bytes of a layer depend neither on the executor nor on how many threads it has, and many
// threads may share one packed layer.
#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

// Layers that split in different ways: over many pixels, over output channels only, over groups,
// over the batch, and hardly at all.
const test::Shape kShapes[] = {
    {"pixels",
     {.in_channels = 16, .out_channels = 24, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {37, 41}}},
    {"channels", {.in_channels = 128, .out_channels = 1000, .kernel = {1, 1}}, {.size = {7, 7}}},
    {"channels_pixel",
     {.in_channels = 256, .out_channels = 2048, .kernel = {1, 1}},
     {.size = {1, 1}}},
    {"channels_k3",
     {.in_channels = 32, .out_channels = 512, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {4, 4}}},
    {"first",
     {.in_channels = 3, .out_channels = 32, .kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}},
     {.size = {45, 50}}},
    {"several_pixels",
     {.in_channels = 32, .out_channels = 3, .kernel = {5, 5}, .padding = {2, 2}},
     {.size = {37, 41}}},
    {"groups",
     {.in_channels = 64, .out_channels = 96, .groups = 8, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {9, 9}}},
    {"depthwise",
     {.in_channels = 75, .out_channels = 75, .groups = 75, .kernel = {3, 3}, .padding = {1, 1}},
     {.size = {14, 15}}},
    {"batch",
     {.in_channels = 8, .out_channels = 8, .kernel = {3}, .padding = {1}},
     {.batch = 9, .size = {11}}},
    {"windows_beyond_the_stack",
     {.in_channels = 4, .out_channels = 4, .groups = 4, .kernel = {95, 95}, .padding = {47, 47}},
     {.size = {13, 12}}},
    {"one_output", {.in_channels = 40, .out_channels = 1, .kernel = {1, 1}}, {.size = {1, 1}}},
};

// Runs the last task first, and each on a thread of its own.
class Backwards : public Executor {
 public:
  explicit Backwards(int concurrency) : concurrency_(concurrency) {}
  int Concurrency() const override { return concurrency_; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = count; i-- > 0;) std::thread(task, context, i).join();
  }

 private:
  int concurrency_;
};

// Runs all tasks at once.
class AtOnce : public Executor {
 public:
  explicit AtOnce(int concurrency) : concurrency_(concurrency) {}
  int Concurrency() const override { return concurrency_; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    std::vector<std::thread> threads;
    for (int64_t i = 0; i < count; ++i) threads.emplace_back(task, context, i);
    for (std::thread& thread : threads) thread.join();
  }

 private:
  int concurrency_;
};

class ThreadsTest : public ::testing::TestWithParam<test::IsaAndShape> {
 protected:
  ThreadsTest()
      : layer_case_(cases::MakeCase(test::MakeLayer(Of().params, Of().image),
                                    cases::Weights::kUniform, /*seed=*/7)) {
    // Layers with weight zero points compute pixel by pixel.
    if (SeveralPixels()) {
      EXPECT_GT(Prepack().NeighboursAtOnce(Of().image), 1);
    } else {
      test::SetWeightZeroPoints(layer_case_);
    }
    expected_ = test::RunReference(layer_case_);
  }

  static const test::Shape& Of() { return std::get<1>(GetParam()); }
  static bool SeveralPixels() { return std::string(Of().name) == "several_pixels"; }
  Conv Prepack() const { return test::PrepackFor(layer_case_, std::get<0>(GetParam())); }

  cases::Case layer_case_;
  std::vector<uint8_t> expected_;
};

TEST_P(ThreadsTest, AnyNumberOfThreads) {
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism, 8);
  const Conv conv = Prepack();
  EXPECT_EQ(test::Difference(expected_, layer_case_.Run(conv, Executor::Serial())), "");
  EXPECT_EQ(test::Difference(expected_, layer_case_.Run(conv)), "");
  for (int threads = 1; threads <= 8; ++threads) {
    SCOPED_TRACE(threads);
    const auto executor = Executor::Threads(threads);
    EXPECT_EQ(test::Difference(expected_, layer_case_.Run(conv, *executor)), "");
    tbb::task_arena arena(threads);
    std::vector<uint8_t> output;
    arena.execute([&] { output = layer_case_.Run(conv); });
    EXPECT_EQ(test::Difference(expected_, output), "");
  }
}

TEST_P(ThreadsTest, AnyOrderOfTasks) {
  const Conv conv = Prepack();
  for (const int concurrency : {1, 2, 3, 16, 64}) {
    SCOPED_TRACE(concurrency);
    EXPECT_EQ(test::Difference(expected_, layer_case_.Run(conv, Backwards(concurrency))), "");
  }
}

TEST_P(ThreadsTest, AllTasksAtOnce) {
  const Conv conv = Prepack();
  for (const int concurrency : {2, 16}) {
    SCOPED_TRACE(concurrency);
    EXPECT_EQ(test::Difference(expected_, layer_case_.Run(conv, AtOnce(concurrency))), "");
  }
}

TEST_P(ThreadsTest, ManyThreadsShareALayer) {
  constexpr int kThreads = 8;
  constexpr int kRuns = 4;
  const Conv conv = Prepack();
  const auto shared = Executor::Threads(3);
  std::vector<std::vector<uint8_t>> outputs(kThreads * kRuns);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const Executor& executor = t % 3 == 0   ? Executor::Serial()
                                 : t % 3 == 1 ? Executor::Current()
                                              : *shared;
      for (int run = 0; run < kRuns; ++run) {
        outputs[t * kRuns + run] = layer_case_.Run(conv, executor);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<uint8_t>& output : outputs) {
    EXPECT_EQ(test::Difference(expected_, output), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ThreadsTest,
                         ::testing::Combine(::testing::ValuesIn(test::UsableIsas()),
                                            ::testing::ValuesIn(kShapes)),
                         test::IsaAndShapeName);

}  // namespace
}  // namespace qconv
