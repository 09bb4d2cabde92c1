// Winograd tiles: where their input and their output lie.
//
// Layer: pack. A tile computes 4 x 4 outputs from 6 x 6 inputs, neighbours; tiles of an image lie
// side by side, its last ones beyond the output where four do not divide that. With a dilation of d
// the outputs of a tile, like its inputs, are d apart: every d-th position of a dimension is a
// phase with tiles of its own.
//
//   w       0  1  2  3  4  5  6  7  8  9 10     d = 2, 11 outputs: two phases of two tiles
//   tile    0  2  0  2  0  2  0  2  1  3  1
//
// In rank 3 a tile is part of an output plane, and has input in as many planes as the kernel has.
// Read next: ../transformed.cpp.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "pack/tiles.h"

namespace qconv::pack {

class WinogradTiles final : public Tiles {
 public:
  // Of a layer whose feed is kTransformed; `input` is the tensor.
  WinogradTiles(const PackedLayer& layer, const Dims& input_size, const Dims& output_size,
                const uint8_t* input);

  // Of all output planes; pixels[tile][6][6] and rows[tile][4][4].
  void Place(int64_t first, int64_t count, int64_t kernel_plane, const uint8_t** pixels,
             kernels::Row* rows) const override;

 private:
  // The rows of a tile.
  struct Lines {
    const uint8_t* input[kernels::kWinogradSide];  // column 0; null where there is padding
    int64_t output[kernels::kWinogradOutputSide];  // column 0; negative beyond the output
  };
  Lines PlaceRow(int64_t plane, int64_t kernel_plane, int64_t index) const;
  void PlaceTile(const Lines& lines, int64_t index, const uint8_t** pixels,
                 kernels::Row* rows) const;

  const Geometry& g_;
  const uint8_t* padding_;
  Dims in_, out_;
  const uint8_t* input_;
  int64_t grid_h_, grid_w_;
};

// How many tiles a plane takes in dimension `i`.
int64_t CountWinogradTiles(const Geometry& geometry, size_t i, int64_t output);

}  // namespace qconv::pack
