// Buffer: bytes at a cache line boundary, as tensors of inference engines are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace qconv::bench {

class Buffer {
 public:
  explicit Buffer(size_t size)
      : bytes_(static_cast<uint8_t*>(::operator new(size, kAlignment))), size_(size) {
    std::fill_n(bytes_.get(), size, uint8_t{0});  // so that its pages are there before the clock
  }
  explicit Buffer(std::span<const uint8_t> bytes) : Buffer(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }

  std::span<uint8_t> bytes() { return {bytes_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(uint8_t* bytes) const { ::operator delete(bytes, kAlignment); }
  };

  std::unique_ptr<uint8_t[], Delete> bytes_;
  size_t size_;
};

}  // namespace qconv::bench
