// Unroll<n>(f): f(Index<0>{}), f(Index<1>{}), ... written out by the compiler front end. TileRows:
// how tall tiles may be; EvenTiles: how to cut rows into tiles; WithConstant: from a height to code
// for it.
//
// Layer: kernels. Register tiles are arrays indexed by constants only: GCC unrolls nested loops too
// late to keep such arrays in registers (it leaves dead stores to the stack in the innermost loop).
#pragma once

#include <cstdint>

namespace qconv::kernels {
namespace {

template <int i>
struct Index {
  constexpr operator int() const { return i; }  // NOLINT: an int in all but type
  static constexpr int kValue = i;
};

template <int n, int i = 0, class F>
inline __attribute__((always_inline)) void Unroll(const F& f) {
  if constexpr (i < n) {
    f(Index<i>{});
    Unroll<n, i + 1>(f);
  }
}

// How often loops over depth are unrolled: 4; in small kernels 1 (cmake/isa.cmake).
constexpr int kDepthUnroll = QCONV_DEPTH_UNROLL;

// The rows of a tile, or pixels of a step: as many as registers hold, in small kernels 4 at most
// (cmake/isa.cmake).
constexpr int TileRows(int rows) {
  constexpr int kMost = QCONV_MOST_TILE_ROWS;
  return rows < kMost ? rows : kMost;
}

// Cuts `rows` into as few tiles as there can be of at most `most`, of nearly equal height: 25 rows
// in tiles of at most 6 are five tiles of 5, not four of 6 and one of 1.
struct EvenTiles {
  EvenTiles(int64_t rows, int64_t most)
      : count((rows + most - 1) / most),
        height((rows + count - 1) / count),
        tall(rows - count * (height - 1)) {}

  int64_t HeightOf(int64_t tile) const { return tile < tall ? height : height - 1; }

  int64_t count;
  int64_t height, tall;  // of the first `tall` tiles; the others are one row shorter
};

// f(Index<value>{}), for 1 <= value <= most.
template <int most, class F>
inline void WithConstant(int64_t value, const F& f) {
  if constexpr (most > 1) {
    if (value != most) return WithConstant<most - 1>(value, f);
  }
  f(Index<most>{});
}

}  // namespace
}  // namespace qconv::kernels
