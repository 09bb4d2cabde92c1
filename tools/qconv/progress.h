// Progress: tells on standard error how far long work has got: on a terminal in one line that is
// overwritten, elsewhere (a log) with a line every ten seconds.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace qconv::command {

class Progress {
 public:
  explicit Progress(size_t total);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total are finished; `current` is next.
  void Show(size_t done, const std::string& current);

  // Takes the line off the terminal; to be called before anything else is printed.
  void Clear();

 private:
  size_t total_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace qconv::command
