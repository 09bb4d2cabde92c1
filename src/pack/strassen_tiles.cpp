#include "pack/strassen_tiles.h"

#include <algorithm>

namespace qconv::pack {

void StrassenTiles::Place(int64_t first, int64_t count, int64_t /*kernel_plane*/,
                          const uint8_t** pixels, kernels::Row* rows) const {
  const Geometry& g = layer_.geometry;
  const int64_t side = layer_.Algorithm().outputs, step = g.stride[2] * g.in_channels;
  const int64_t begin = first * side, end = (first + count) * side;
  const int64_t last = std::min(end, batch_ * out_[0] * out_[1] * out_[2]);
  int64_t x = begin % out_[2], y = begin / out_[2] % out_[1];
  int64_t z = begin / out_[2] / out_[1] % out_[0], image = begin / out_[2] / out_[1] / out_[0];
  for (int64_t p = begin; p < last;) {  // output row by output row
    const int64_t row = (image * in_[0] + z * g.stride[0]) * in_[1] + y * g.stride[1];
    const uint8_t* row_pixels = input_ + row * in_[2] * g.in_channels;
    for (const int64_t row_end = std::min(p + out_[2] - x, last); p < row_end; ++p, ++x) {
      *pixels++ = row_pixels + x * step;
      *rows++ = {0, p * g.out_channels};
    }
    x = 0;
    if (++y < out_[1]) continue;
    y = 0;
    if (++z < out_[0]) continue;
    z = 0;
    ++image;
  }
  const uint8_t* last_pixel = pixels[-1];
  std::fill_n(pixels, end - last, last_pixel);
  std::fill_n(rows, end - last, kernels::Row{0, -1});
}

}  // namespace qconv::pack
