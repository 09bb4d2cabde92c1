// Neighbours: how busy other processes keep this machine, as they disturb timings; several threads
// that wait for each other suffer most when one of them lacks a core.
#pragma once

#include <chrono>

namespace qconv::bench {

class Neighbours {
 public:
  Neighbours();

  // Average number of cores that other processes (and other virtual machines, as far as the system
  // is told) kept busy since construction; 0 where /proc/stat does not say.
  double BusyCores() const;

 private:
  std::chrono::steady_clock::time_point start_;
  double foreign_seconds_;
};

}  // namespace qconv::bench
