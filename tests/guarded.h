// Guarded: values in memory of their own, between two pages without any access rights.
//
// Knows nothing of convolutions.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>

namespace qconv::test {

// At which end the values touch a forbidden page; one byte further is a crash.
enum class Edge { kFront, kBack };

// Owns the pages. What is left of them beside the values is filled with a pattern.
template <typename T>
class Guarded {
 public:
  Guarded(std::span<const T> values, Edge edge) : bytes_(values.size_bytes()) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    inside_ = (bytes_ + page - 1) / page * page;
    mapped_ = inside_ + 2 * page;
    void* pages = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::runtime_error("mmap failed");
    pages_ = static_cast<uint8_t*>(pages);
    begin_ = pages_ + page;
    values_ = edge == Edge::kFront ? begin_ : begin_ + inside_ - bytes_;
    Protect(PROT_READ | PROT_WRITE);
    if (inside_ > 0) std::memset(begin_, kPattern, inside_);
    if (bytes_ > 0) std::memcpy(values_, values.data(), bytes_);
  }
  ~Guarded() { munmap(pages_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // Access rights of the values, as for mprotect.
  void Protect(int rights) const {
    if (inside_ > 0 && mprotect(begin_, inside_, rights) != 0) {
      throw std::runtime_error("mprotect failed");
    }
  }

  std::span<T> span() const { return {reinterpret_cast<T*>(values_), bytes_ / sizeof(T)}; }

  // Whether the bytes beside the values are as they were.
  bool PatternIntact() const {
    for (const uint8_t* byte = begin_; byte < begin_ + inside_; ++byte) {
      if ((byte < values_ || byte >= values_ + bytes_) && *byte != kPattern) return false;
    }
    return true;
  }

 private:
  static constexpr uint8_t kPattern = 0xa5;
  size_t bytes_;
  size_t inside_;  // of the accessible pages
  size_t mapped_;
  uint8_t* pages_;
  uint8_t* begin_;  // of the accessible pages
  uint8_t* values_;
};

}  // namespace qconv::test
