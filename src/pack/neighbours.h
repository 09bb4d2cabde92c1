// Neighbours: layers of few output channels as layers of twice as many, whose pixels are two
// neighbours in a row.
//
// Layer: pack. A vector has a lane for each output channel; of a layer of few most would be idle.
// Two pixels read nearly the same input, and lie side by side in memory: together they are a pixel
// of a layer with a wider kernel, twice the stride and the same padding, whose weights are zero
// where one of the two does not reach.
//
//   x      [w0 w1 w2]               2x    [w0 w1 w2  0]     channels 0 ... n - 1
//   x + 1     [w0 w1 w2]                  [ 0 w0 w1 w2]     channels n ... 2n - 1
//
// And so on, 4, 8, 16 neighbours at once, while their channels fit a vector. Where the width of the
// output is no multiple of them, the last pixel of a row has some of its channels only. Read next:
// ../layer.cpp for who packs them, ../run.cpp for which images take them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/geometry.h"
#include "pack/packed_layer.h"
#include "qconv/params.h"

namespace qconv::pack {

// Whether two neighbours of a layer without weight zero points fill a vector better than one pixel,
// and by so much that their zero weights do not outweigh it.
bool CombinesNeighbours(const Geometry& geometry, const kernels::KernelTable& table);

// Of the layer whose pixels are two neighbours.
Geometry NeighbourGeometry(const Geometry& geometry);

// Its numbers.
struct NeighbourNumbers {
  NeighbourNumbers(const Geometry& geometry, const Quantization& single,
                   std::span<const int8_t> single_weights, std::span<const float> single_bias);
  NeighbourNumbers(const NeighbourNumbers&) = delete;  // `quantization` points to `scales`
  NeighbourNumbers& operator=(const NeighbourNumbers&) = delete;

  std::vector<float> scales, bias;
  std::vector<int8_t> weights;
  Quantization quantization;
};

// How rows of output are computed: by `layer`, `pixels` at a time, each of several neighbours. Of
// the last one so many output channels are not there.
struct Combination {
  const PackedLayer* layer;
  int64_t pixels;
  int64_t idle_outputs;

  // Of input that the kernels of a row multiply: what it takes, in every row.
  int64_t Columns() const { return pixels * layer->geometry.kernel[2]; }
};

Combination SinglePixels(const PackedLayer& layer, int64_t width);

// The one that takes the fewest columns for rows of `width` pixels: by `layer`, by its neighbours,
// by theirs.
Combination BestCombination(const PackedLayer& layer, int64_t width);

}  // namespace qconv::pack
