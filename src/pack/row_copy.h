// RowCopy: copies of pixels of an input row, padding filled in.
//
// Layer: pack. Used by gather.cpp and pad_image.cpp only.
#pragma once

#include <cstdint>

#include "pack/feed.h"
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

  void operator()(int64_t x, int64_t step, int64_t count, uint8_t* out) const;

 private:
  void Fill(uint8_t* out, int64_t pixels) const;
  void Copy(int64_t x, int64_t step, int64_t pixels, uint8_t* out) const;
  template <int64_t size>
  void CopyPieces(const uint8_t* pixel, uint8_t* out) const;
};

// Of `channels` from `first_channel` on, in row y of plane z of the image; places follow each
// other.
RowCopy MakeRowCopy(const PackedLayer& layer, int64_t first_channel, int64_t channels,
                    const ImageView& image, int64_t z, int64_t y);

}  // namespace qconv::pack
