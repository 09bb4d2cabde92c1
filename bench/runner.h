// Runner: times one layer, ours and the peer's.
//
// Knows the library, the peer and the clock; prints nothing. Read next: interleave.h, peer.h.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "options.h"
#include "peer.h"
#include "result.h"

namespace qconv::bench {

// The measured instruction ceiling of an ISA, times threads. Machines change their clock speed and
// virtual ones share their cores, so it is measured again as time goes by.
class Ceiling {
 public:
  Ceiling(std::string isa, int threads);

  // MAC/s, at most a second old.
  double Now();

  double first() const { return first_; }
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

 private:
  void Measure();

  std::string isa_;
  int threads_;
  double first_ = 0;
  double last_ = 0;
  double lowest_ = 0;
  double highest_ = 0;
  std::chrono::steady_clock::time_point measured_at_;
};

class Runner {
 public:
  // Throws std::invalid_argument for an ISA or a peer that there is not.
  explicit Runner(const Options& options);

  // Throws std::exception when our library cannot run the layer. A peer that cannot is noted in the
  // result.
  LayerResult Measure(const cases::Layer& layer);

  const std::string& isa() const { return isa_; }
  const Peer* peer() const { return peer_.get(); }
  const Ceiling& ceiling() const { return ceiling_; }

 private:
  const Executor& executor() const { return threads_ ? *threads_ : Executor::Serial(); }

  Options options_;
  std::string isa_;
  std::unique_ptr<Peer> peer_;         // or null
  std::unique_ptr<Executor> threads_;  // null for one thread
  Ceiling ceiling_;
};

}  // namespace qconv::bench
