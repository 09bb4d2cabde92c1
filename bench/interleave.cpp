#include "interleave.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace qconv::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWarmUpSeconds = 200e-6;
constexpr double kBatchSeconds = 1e-3;  // far above the clock's resolution, far below a time slice
constexpr size_t kMinRounds = 15;
constexpr size_t kMinLongRounds = 3;
constexpr double kMaxSeconds = 10;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void WarmUp(const Contender& contender) {
  const Clock::time_point start = Clock::now();
  do {
    contender.run();
  } while (SecondsSince(start) < kWarmUpSeconds);
}

// Seconds per run over a batch of `runs`.
double TimeBatch(const Contender& contender, int64_t runs) {
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < runs; ++i) {
    contender.run();
    benchmark::ClobberMemory();
  }
  return SecondsSince(start) / static_cast<double>(runs);
}

// Number of runs that fill a batch.
int64_t CalibrateBatch(const Contender& contender) {
  WarmUp(contender);
  int64_t runs = 1;
  double seconds = TimeBatch(contender, runs);
  while (seconds * static_cast<double>(runs) < kBatchSeconds / 4) {
    runs *= 2;
    seconds = TimeBatch(contender, runs);
  }
  contender.rest();
  return static_cast<int64_t>(std::ceil(std::max(1.0, kBatchSeconds / seconds)));
}

bool Enough(size_t rounds, double seconds, double min_time) {
  if (seconds >= kMaxSeconds) return rounds >= kMinLongRounds;
  return rounds >= kMinRounds && seconds >= min_time;
}

}  // namespace

std::vector<std::vector<double>> TimeInterleaved(std::span<const Contender> contenders,
                                                 double min_time) {
  const size_t count = contenders.size();
  std::vector<int64_t> runs;
  for (const Contender& contender : contenders) runs.push_back(CalibrateBatch(contender));

  std::vector<std::vector<double>> seconds(count);
  const Clock::time_point start = Clock::now();
  for (size_t round = 0; !Enough(round, SecondsSince(start), min_time); ++round) {
    for (size_t turn = 0; turn < count; ++turn) {
      const size_t i = round % 2 == 0 ? turn : count - 1 - turn;
      WarmUp(contenders[i]);
      seconds[i].push_back(TimeBatch(contenders[i], runs[i]));
      contenders[i].rest();
    }
  }
  return seconds;
}

}  // namespace qconv::bench
