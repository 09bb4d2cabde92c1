// Unroll<n>(f): f(Index<0>{}), f(Index<1>{}), ... written out by the compiler front end. TileRows:
// how tall tiles may be.
//
// Layer: kernels. Register tiles are arrays indexed by constants only: GCC unrolls nested loops too
// late to keep such arrays in registers (it leaves dead stores to the stack in the innermost loop).
#pragma once

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

// How often loops over depth are unrolled: 4; under sanitizers 1 (cmake/isa.cmake).
constexpr int kDepthUnroll = QCONV_DEPTH_UNROLL;

// The rows of a tile, or pixels of a step: as many as registers hold, under sanitizers 4 at most
// (cmake/isa.cmake).
constexpr int TileRows(int rows) {
  constexpr int kMost = QCONV_MOST_TILE_ROWS;
  return rows < kMost ? rows : kMost;
}

}  // namespace
}  // namespace qconv::kernels
