// Interleaved timing: several ways to do the same work take turns in one process, so that what
// disturbs the machine (clock speed, neighbours) disturbs all of them alike.
//
// Knows nothing of convolutions. Read next: runner.h.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace qconv::bench {

struct Contender {
  std::function<void()> run;
  // Called after each of its turns: leaves no thread of its own spinning in the others' turns.
  std::function<void()> rest;
};

// Seconds per run: [contender][round]. In each round every contender gets one turn, in alternating
// order (a b, b a, a b ...): runs it does not get counted, which bring back its caches and threads,
// then a batch of runs long enough for the clock. There are at least 15 rounds and at least
// `min_time` seconds of them, but no more than 3 rounds once 10 seconds have passed.
std::vector<std::vector<double>> TimeInterleaved(std::span<const Contender> contenders,
                                                 double min_time);

}  // namespace qconv::bench
