// TensorEnd: kernels may read beyond the channels they need, but not beyond the tensor: near its
// end they read a copy.
//
// Layer: pack. Used by the feeders of lane layers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pack/feed.h"

namespace qconv::pack {

class TensorEnd {
 public:
  // Kernels read `read` bytes at once. The copy goes to `scratch`, Bytes(read) of them.
  TensorEnd(const ImageView& image, int64_t read, std::byte* scratch)
      : end_(image.tensor_end), read_(read), copy_(reinterpret_cast<uint8_t*>(scratch)) {
    const int64_t there = std::min<int64_t>(image.tensor_end - image.tensor, read);
    std::memcpy(copy_ + read - there, image.tensor_end - there, static_cast<size_t>(there));
    std::memset(copy_ + read, 0, static_cast<size_t>(read));
  }
  static constexpr int64_t Bytes(int64_t read) { return 2 * read; }

  // How far from `bytes`, in the tensor, the last place is that can be read where it is; negative
  // if that lies before.
  int64_t Room(const uint8_t* bytes) const { return end_ - bytes - read_; }
  // Where to read what is at `bytes`.
  const uint8_t* Safe(const uint8_t* bytes) const {
    return Room(bytes) >= 0 ? bytes : copy_ - Room(bytes);
  }

 private:
  const uint8_t* end_;
  int64_t read_;
  uint8_t* copy_;
};

}  // namespace qconv::pack
