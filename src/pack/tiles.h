// Tiles of a transformed layer: where their input and their output lie.
//
// Layer: pack. Read next: winograd_tiles.h, strassen_tiles.h.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

class Tiles {
 public:
  virtual ~Tiles() = default;

  // Tiles [first, first + count) of all images, one after the other: fills pixels[tile][pixel],
  // those that `kernel_plane` multiplies, and rows[tile][output] of kernels::TransformedTask,
  // outputs from the first of the tensor.
  virtual void Place(int64_t first, int64_t count, int64_t kernel_plane, const uint8_t** pixels,
                     kernels::Row* rows) const = 0;
};

// How many there are of a layer.
int64_t CountTiles(const PackedLayer& layer, int64_t batch, const Dims& output_size);

}  // namespace qconv::pack
