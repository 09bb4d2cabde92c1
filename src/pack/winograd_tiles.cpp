#include "pack/winograd_tiles.h"

#include <algorithm>

#include "pack/integers.h"

namespace qconv::pack {
namespace {

constexpr int kSide = kernels::kWinogradSide, kOutputSide = kernels::kWinogradOutputSide;

// Tiles of a phase.
int64_t PhaseTiles(int64_t dilation, int64_t output) {
  return CeilDiv(CeilDiv(output, dilation), kOutputSide);
}

// The first output of tile `index`; it may be beyond the last one.
int64_t FirstOutput(int64_t dilation, int64_t output, int64_t index) {
  if (dilation == 1) return index * kOutputSide;  // without a division
  const int64_t tiles = PhaseTiles(dilation, output);
  return index / tiles + index % tiles * kOutputSide * dilation;
}

}  // namespace

int64_t CountWinogradTiles(const Geometry& g, size_t i, int64_t output) {
  return std::min(g.dilation[i], output) * PhaseTiles(g.dilation[i], output);
}

WinogradTiles::WinogradTiles(const PackedLayer& layer, const Dims& input_size,
                             const Dims& output_size, const uint8_t* input)
    : g_(layer.geometry),
      padding_(layer.padding.data()),
      in_(input_size),
      out_(output_size),
      input_(input),
      grid_h_(CountWinogradTiles(g_, 1, output_size[1])),
      grid_w_(CountWinogradTiles(g_, 2, output_size[2])) {}

void WinogradTiles::Place(int64_t first, int64_t count, int64_t kernel_plane,
                          const uint8_t** pixels, kernels::Row* rows) const {
  int64_t x = first % grid_w_, y = first / grid_w_ % grid_h_;
  int64_t plane = first / grid_w_ / grid_h_;
  Lines lines = PlaceRow(plane, kernel_plane, y);
  for (int64_t tile = 0; tile < count; ++tile) {
    if (x == grid_w_) {
      x = 0;
      if (++y == grid_h_) {
        y = 0;
        ++plane;
      }
      lines = PlaceRow(plane, kernel_plane, y);
    }
    PlaceTile(lines, x++, pixels, rows);
    pixels += kernels::kWinogradPositions;
    rows += kernels::kWinogradOutputs;
  }
}

WinogradTiles::Lines WinogradTiles::PlaceRow(int64_t plane, int64_t kernel_plane,
                                             int64_t index) const {
  const int64_t image = plane / out_[0];
  const int64_t z = plane % out_[0] * g_.stride[0] - g_.padding[0] + kernel_plane * g_.dilation[0];
  const int64_t y = FirstOutput(g_.dilation[1], out_[1], index);
  Lines lines;
  for (int i = 0; i < kSide; ++i) {
    const int64_t h = y - g_.padding[1] + i * g_.dilation[1];
    const bool inside = z >= 0 && z < in_[0] && h >= 0 && h < in_[1];
    lines.input[i] =
        inside ? input_ + ((image * in_[0] + z) * in_[1] + h) * in_[2] * g_.in_channels : nullptr;
  }
  for (int i = 0; i < kOutputSide; ++i) {
    const int64_t h = y + i * g_.dilation[1];
    lines.output[i] = h < out_[1] ? (plane * out_[1] + h) * out_[2] * g_.out_channels : -1;
  }
  return lines;
}

void WinogradTiles::PlaceTile(const Lines& lines, int64_t index, const uint8_t** pixels,
                              kernels::Row* rows) const {
  const int64_t x = FirstOutput(g_.dilation[2], out_[2], index);
  for (int j = 0; j < kSide; ++j) {
    const int64_t w = x - g_.padding[2] + j * g_.dilation[2];
    const bool inside = w >= 0 && w < in_[2];
    for (int i = 0; i < kSide; ++i) {
      pixels[i * kSide + j] =
          inside && lines.input[i] != nullptr ? lines.input[i] + w * g_.in_channels : padding_;
    }
  }
  for (int j = 0; j < kOutputSide; ++j) {
    const int64_t w = x + j * g_.dilation[2];
    for (int i = 0; i < kOutputSide; ++i) {
      const bool inside = w < out_[2] && lines.output[i] >= 0;
      rows[i * kOutputSide + j] = {0, inside ? lines.output[i] + w * g_.out_channels : -1};
    }
  }
}

}  // namespace qconv::pack
