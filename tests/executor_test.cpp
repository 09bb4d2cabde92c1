// What Executor promises to whoever calls it, and what the three built-in ones are.
#include "qconv/executor.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace qconv {
namespace {

// ParallelFor with anything callable.
void For(const Executor& executor, int64_t count, const std::function<void(int64_t)>& work) {
  executor.ParallelFor(
      count,
      [](const void* context, int64_t index) {
        (*static_cast<const std::function<void(int64_t)>*>(context))(index);
      },
      &work);
}

void ExpectEachIndexOnce(const Executor& executor) {
  for (const int64_t count : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
    std::atomic<int> outside = 0;
    For(executor, count, [&](int64_t i) {
      if (i < 0 || i >= count) {
        ++outside;
      } else {
        ++calls[static_cast<size_t>(i)];
      }
    });
    EXPECT_EQ(outside, 0);
    for (const std::atomic<int>& call : calls) EXPECT_EQ(call, 1);
  }
}

// How many threads take part when there is more than enough slow work for all of them.
size_t ThreadsAtWork(const Executor& executor) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  For(executor, 64, [&](int64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  return threads.size();
}

TEST(ExecutorTest, EachIndexOnce) {
  ExpectEachIndexOnce(Executor::Serial());
  ExpectEachIndexOnce(Executor::Current());
  for (int threads = 1; threads <= 8; ++threads) ExpectEachIndexOnce(*Executor::Threads(threads));
}

TEST(ExecutorTest, SerialStaysOnTheCallingThread) {
  EXPECT_EQ(Executor::Serial().Concurrency(), 1);
  const std::thread::id caller = std::this_thread::get_id();
  For(Executor::Serial(), 10, [&](int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(ExecutorTest, ThreadsBoundsTheNumberOfThreads) {
  constexpr int kMost = 4;
  const tbb::global_control control(tbb::global_control::max_allowed_parallelism, kMost);
  for (const int threads : {1, 2, 3, 5}) {
    SCOPED_TRACE(threads);
    const auto executor = Executor::Threads(threads);
    EXPECT_EQ(executor->Concurrency(), std::min(threads, kMost));
    EXPECT_LE(ThreadsAtWork(*executor), static_cast<size_t>(threads));
  }
}

TEST(ExecutorTest, ThreadsRunAtOnce) {
  // Tasks that wait for each other, on any number of cores.
  constexpr int kThreads = 4;
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, kThreads);
  const auto executor = Executor::Threads(kThreads);
  std::atomic<int> started = 0;
  For(*executor, kThreads, [&](int64_t) {
    ++started;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (started < kThreads && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_EQ(started, kThreads);
  });
}

// oneTBB would print a warning.
TEST(ExecutorTest, MoreThreadsThanCoresPrintNothing) {
  testing::internal::CaptureStderr();
  const auto executor = Executor::Threads(1000);
  ExpectEachIndexOnce(*executor);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ExecutorTest, CurrentIsTheCallersArena) {
  EXPECT_EQ(Executor::Current().Concurrency(), tbb::this_task_arena::max_concurrency());
  for (const int threads : {1, 2, 3}) {
    SCOPED_TRACE(threads);
    tbb::task_arena arena(threads);
    arena.execute([&] {
      EXPECT_EQ(Executor::Current().Concurrency(), threads);
      EXPECT_LE(ThreadsAtWork(Executor::Current()), static_cast<size_t>(threads));
    });
  }
}

TEST(ExecutorTest, MayBeUsedByManyThreadsAtOnce) {
  const auto shared = Executor::Threads(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum = 0;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&] {
      For(*shared, 100, [&](int64_t i) { sum += i; });
      For(Executor::Current(), 100, [&](int64_t i) { sum += i; });
      For(Executor::Serial(), 100, [&](int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 8 * 3 * 4950);
}

TEST(ExecutorTest, RefusesNumbersOfThreadsThatItCannotHave) {
  for (const int threads : {0, -7, 65'537, std::numeric_limits<int>::max()}) {
    try {
      Executor::Threads(threads);
      ADD_FAILURE() << threads << " threads were accepted";
    } catch (const std::invalid_argument& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find("threads"), std::string::npos) << text;
      EXPECT_NE(text.find(std::to_string(threads)), std::string::npos) << text;
    }
  }
}

// A thread that waits for a layer is not given other work of the caller, who may hold a lock.
TEST(ExecutorTest, TakesUpNothingElseWhileItWaits) {
  constexpr int kThreads = 4;
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, kThreads);
  tbb::task_arena arena(kThreads);
  static thread_local int depth = 0;
  std::atomic<int> nested = 0;
  const auto layer = [&](int index) {
    if (++depth > 1) ++nested;
    For(Executor::Current(), 8, [&](int64_t i) {
      std::this_thread::sleep_for(std::chrono::microseconds(i == index % 8 ? 1000 : 10));
    });
    --depth;
  };
  arena.execute([&] { tbb::parallel_for(0, 400, layer, tbb::simple_partitioner()); });
  EXPECT_EQ(nested, 0);
}

// A layer is computed even where the caller's own group of tasks has been cancelled.
TEST(ExecutorTest, RunsInACancelledGroup) {
  int ran = 0;
  tbb::task_group_context group;
  tbb::parallel_for(
      0, 1,
      [&](int) {
        group.cancel_group_execution();
        std::atomic<int> count = 0;
        Executor::Current().ParallelFor(
            100,
            [](const void* context, int64_t) {
              ++*static_cast<std::atomic<int>*>(const_cast<void*>(context));
            },
            &count);
        ran = count;
      },
      group);
  EXPECT_EQ(ran, 100);
}

}  // namespace
}  // namespace qconv
