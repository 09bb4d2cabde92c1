#include "progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace qconv::command {

Progress::Progress(size_t total)
    : total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      last_(std::chrono::steady_clock::now()) {}

void Progress::Show(size_t done, const std::string& current) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < (terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10))) {
    return;
  }
  last_ = now;
  if (terminal_) {
    Clear();
    // Cut, so that the line does not wrap: a wrapped line cannot be overwritten.
    fmt::print(stderr, "{:.79}", fmt::format("[{}/{}] {}", done, total_, current));
    std::fflush(stderr);
    shown_ = true;
  } else {
    fmt::print(stderr, "[{}/{}] {}\n", done, total_, current);
  }
}

void Progress::Clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace qconv::command
