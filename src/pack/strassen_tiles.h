// Strassen tiles: where their input and their output lie.
//
// Layer: pack. A tile is some output pixels that follow one another, row after row and image after
// image. The last one may be too large: it has the last pixel again, and no output for it.
// Read next: ../transformed.cpp.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "pack/tiles.h"

namespace qconv::pack {

class StrassenTiles final : public Tiles {
 public:
  // Of a layer that Strassen's algorithm computes; `input` is the tensor.
  StrassenTiles(const PackedLayer& layer, int64_t batch, const Dims& input_size,
                const Dims& output_size, const uint8_t* input)
      : layer_(layer), batch_(batch), in_(input_size), out_(output_size), input_(input) {}

  void Place(int64_t first, int64_t count, int64_t kernel_plane, const uint8_t** pixels,
             kernels::Row* rows) const override;

 private:
  const PackedLayer& layer_;
  int64_t batch_;
  Dims in_, out_;
  const uint8_t* input_;
};

}  // namespace qconv::pack
