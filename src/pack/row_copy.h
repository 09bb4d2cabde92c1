// RowCopy: copies of pixels of an input row, padding filled in.
//
// Layer: pack. Used by gather.cpp and pad_image.cpp only; inline, as rows may be short.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "pack/feed.h"
#include "pack/integers.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Copies `count` pixels of an input row, `step` apart and the first at x, `channels` bytes of each,
// to places `pitch` apart. Pixels outside the row are filled with `zero_point`. `row` is null where
// the whole row is outside.
struct RowCopy {
  const uint8_t* row;
  int64_t width;
  int64_t row_channels, channels, pitch;
  int64_t row_bytes;  // from `row` to the end of the row
  uint8_t zero_point;

  void operator()(int64_t x, int64_t step, int64_t count, uint8_t* out) const {
    if (row == nullptr) return Fill(out, count);
    const int64_t before = StepsBefore(0, x, step, count);
    const int64_t end = StepsBefore(width, x, step, count);
    if (before > 0) Fill(out, before);
    if (end > before) Copy(x + before * step, step, end - before, out + before * pitch);
    if (end < count) Fill(out + end * pitch, count - end);
  }

 private:
  void Fill(uint8_t* out, int64_t pixels) const {
    std::memset(out, zero_point, static_cast<size_t>(pixels * pitch));
  }

  // Pixels are short: a call of memcpy for each takes longer than the copying, so they go in pieces
  // of a fixed size. (25 channels, 3x3, dilation 2: 10 % less time.)
  void Copy(int64_t x, int64_t step, int64_t pixels, uint8_t* out) const {
    if (step == 1 && pitch == row_channels) {
      const int64_t bytes = (pixels - 1) * pitch + channels;
      std::memcpy(out, row + x * row_channels, static_cast<size_t>(bytes));
      return;
    }
    for (; pixels > 0; --pixels, x += step, out += pitch) {
      const uint8_t* pixel = row + x * row_channels;
      if (pitch == kernels::kDepthGroup && row_bytes - x * row_channels >= pitch) {
        std::memcpy(out, pixel, kernels::kDepthGroup);  // what is too much has no weights
      } else if (channels >= 16) {
        CopyPieces<16>(pixel, out);
      } else if (channels >= 8) {
        CopyPieces<8>(pixel, out);
      } else if (channels >= 4) {
        CopyPieces<4>(pixel, out);
      } else {
        CopyPieces<1>(pixel, out);
      }
    }
  }

  // The last piece begins early enough to end with the pixel.
  template <int64_t size>
  void CopyPieces(const uint8_t* pixel, uint8_t* out) const {
    for (int64_t i = 0; i < channels; i += size) {
      const int64_t begin = std::min(i, channels - size);
      std::memcpy(out + begin, pixel + begin, size);
    }
  }
};

// Of `channels` from `first_channel` on, in row y of plane z of the image; places follow each
// other.
inline RowCopy MakeRowCopy(const PackedLayer& layer, int64_t first_channel, int64_t channels,
                           const ImageView& image, int64_t z, int64_t y) {
  const Dims& size = image.input_size;
  const int64_t all = layer.geometry.in_channels;
  const bool inside = z >= 0 && z < size[0] && y >= 0 && y < size[1];
  return {.row = inside ? image.input + (z * size[1] + y) * size[2] * all + first_channel : nullptr,
          .width = size[2],
          .row_channels = all,
          .channels = channels,
          .pitch = channels,
          .row_bytes = size[2] * all - first_channel,
          .zero_point = layer.input_zero_point};
}

}  // namespace qconv::pack
