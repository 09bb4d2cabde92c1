#include "neighbours.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

namespace qconv::bench {
namespace {

// Core time of all processes but this one since some fixed point.
double ForeignSeconds() {
  // First line: cpu user nice system idle iowait irq softirq steal ...
  std::ifstream stat("/proc/stat");
  std::string label;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  stat >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  const double busy = user + nice + system + irq + softirq + steal;

  timespec own{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  const double own_seconds =
      static_cast<double>(own.tv_sec) + 1e-9 * static_cast<double>(own.tv_nsec);
  return busy / static_cast<double>(sysconf(_SC_CLK_TCK)) - own_seconds;
}

}  // namespace

Neighbours::Neighbours()
    : start_(std::chrono::steady_clock::now()), foreign_seconds_(ForeignSeconds()) {}

double Neighbours::BusyCores() const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  return std::max(0.0, (ForeignSeconds() - foreign_seconds_) / elapsed.count());
}

}  // namespace qconv::bench
