// Strassen kernels: pointwise layers without VNNI, with 49 products instead of 64 (or 7 instead of
// 8), whose factors need 16 bits.
//
// Layer: kernels, compiled once per ISA. Winograd's variant of Strassen's algorithm, 7 products and
// 15 additions for a product of 2 x 2 blocks, once or within itself:
//
//   pixels | A11 A12 |   channels | B11 B12 |   outputs | C11 C12 |
//          | A21 A22 |            | B21 B22 |           | C21 C22 |
//
//   S1 = A21 + A22    T1 = B12 - B11    P0 = A11 B11    U  = P0 + P5     C11 = P0 + P1
//   S2 = S1 - A11     T2 = B22 - T1     P1 = A12 B21    V  = U + P6      C12 = U + P4 + P2
//   S3 = A11 - A21    T3 = B22 - B12    P2 = S4 B22                      C21 = V - P3
//   S4 = A12 - S2     T4 = T2 - B21     P3 = A22 T4                      C22 = V + P4
//                                       P4 = S1 T1
//                                       P5 = S2 T2
//                                       P6 = S3 T3
//
// Exact: factors fit int16, int32 sums may wrap, and nothing is divided.
//
// A tile is `side` pixels, 2 or, of the algorithm within itself, 4; channels are cut into as many
// blocks. Each product is a position (transformed.inl.h). With a side of 1 there is nothing to
// save, but the input is widened only once, for all panels. Read next: ../pack/strassen.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/transformed.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// store(position, S), for blocks a[pixel][block of channels].
template <class Words, int side, class Store>
inline __attribute__((always_inline)) void TransformStrassenInput(const Words (&a)[side][side],
                                                                  int position,
                                                                  const Store& store) {
  if constexpr (side == 1) {
    store(position, a[0][0]);
  } else {
    constexpr int kHalf = side / 2;
    Words s[kStrassenProducts][kHalf][kHalf];
    Unroll<kHalf>([&](auto i) __attribute__((always_inline)) {
      Unroll<kHalf>([&](auto j) __attribute__((always_inline)) {
        const Words &a11 = a[i][j], &a12 = a[i][j + kHalf];
        const Words &a21 = a[i + kHalf][j], &a22 = a[i + kHalf][j + kHalf];
        const Words s1 = a21 + a22, s2 = s1 - a11;
        s[0][i][j] = a11;
        s[1][i][j] = a12;
        s[2][i][j] = a12 - s2;
        s[3][i][j] = a22;
        s[4][i][j] = s1;
        s[5][i][j] = s2;
        s[6][i][j] = a11 - a21;
      });
    });
    Unroll<kStrassenProducts>([&](auto p) __attribute__((always_inline)) {
      TransformStrassenInput(s[p], position * kStrassenProducts + p, store);
    });
  }
}

// c[pixel][block of outputs] of the products load(position).
template <class Width, class Register, int side, class Load>
inline __attribute__((always_inline)) void TransformStrassenProducts(const Load& load, int position,
                                                                     Register (&c)[side][side]) {
  if constexpr (side == 1) {
    c[0][0] = load(position);
  } else {
    constexpr int kHalf = side / 2;
    Register p[kStrassenProducts][kHalf][kHalf];
    Unroll<kStrassenProducts>([&](auto q) __attribute__((always_inline)) {
      TransformStrassenProducts<Width>(load, position * kStrassenProducts + q, p[q]);
    });
    Unroll<kHalf>([&](auto i) __attribute__((always_inline)) {
      Unroll<kHalf>([&](auto j) __attribute__((always_inline)) {
        const Register u = Width::Add(p[0][i][j], p[5][i][j]);
        const Register v = Width::Add(u, p[6][i][j]);
        c[i][j] = Width::Add(p[0][i][j], p[1][i][j]);
        c[i][j + kHalf] = Width::Add(Width::Add(u, p[4][i][j]), p[2][i][j]);
        c[i + kHalf][j] = Width::Subtract(v, p[3][i][j]);
        c[i + kHalf][j + kHalf] = Width::Add(v, p[4][i][j]);
      });
    });
  }
}

// From pixels to all S, for vectors of input channels. task.channels are those of a block.
template <class Simd, int side>
void TransformStrassenInputs(const TransformInputTask& task) {
  using Width = typename Simd::Width;
  using Words = typename Width::Words;
  constexpr int kChunk = 2 * Width::kLanes;
  const int64_t last = task.channels - kChunk, chunks = (task.channels + kChunk - 1) / kChunk;
  const uint8_t* const* pixels = task.pixels;
  for (int64_t tile = 0; tile < task.tiles; ++tile, pixels += side) {
    int16_t* output = task.output + tile * kChunk;
    for (int64_t chunk = 0; chunk < chunks; ++chunk, output += task.tiles * kChunk) {
      const int64_t channel = task.channel + (chunk < chunks - 1 ? chunk * kChunk : last);
      Words a[side][side];
      Unroll<side>([&](auto i) __attribute__((always_inline)) {
        Unroll<side>([&](auto j) __attribute__((always_inline)) {
          a[i][j] = Width::LoadWords(pixels[i] + j * task.channels + channel);
        });
      });
      TransformStrassenInput(a, 0,
                             [&](int position, const Words& x) __attribute__((always_inline)) {
                               Width::StoreWords(output + position * task.position_step, x);
                             });
    }
  }
}

// Writes the outputs of all tiles.
template <class Simd, int nv, int side>
__attribute__((flatten)) void WriteStrassenTiles(const TransformedTask& task) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kLanes = Width::kLanes, kColumns = nv * kLanes;
  const Row* rows = task.rows;
  alignas(sizeof(Register)) int32_t outputs[side][side][kColumns];  // [block][pixel]
  for (int64_t tile = 0; tile < task.tiles; ++tile, rows += side) {
    int64_t count = 0;
    while (count < side && rows[count].output >= 0) ++count;
#pragma GCC unroll 1
    for (int column = 0; column < kColumns; column += kLanes) {
      const int32_t* products = task.products + tile * kColumns + column;
      Register c[side][side];
      TransformStrassenProducts<Width>(
          [&](int position) __attribute__((always_inline)) {
            return Width::LoadInts(products + position * task.product_step);
          },
          0, c);
      Unroll<side>([&](auto j) __attribute__((always_inline)) {
        const Register offset = Width::LoadInts(task.epilogues[j]->offsets + column);
        Unroll<side>([&](auto i) __attribute__((always_inline)) {
          Width::StoreInts(&outputs[j][i][column], Width::Add(c[i][j], offset));
        });
      });
    }
#pragma GCC unroll 1
    for (int j = 0; j < side; ++j) {
      Register acc[side][nv];
      Unroll<side>([&](auto i) __attribute__((always_inline)) {
        Unroll<nv>([&](auto v) __attribute__((always_inline)) {
          acc[i][v] = Width::LoadInts(&outputs[j][i][v * kLanes]);
        });
      });
      const OutputTask<Simd, nv> output_task(*task.epilogues[j], task.columns);
      WithConstant<side>(count, [&](auto n) __attribute__((always_inline)) {
        output_task.template Write<n.kValue>(reinterpret_cast<Register(&)[n.kValue][nv]>(acc),
                                             task.output + j * task.block_step, rows,
                                             /*first_row=*/0);
      });
    }
  }
}

// The same of tiles of one pixel, whose products are the sums.
template <class Simd, int nv>
__attribute__((flatten)) void WriteWidenedTiles(const TransformedTask& task) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kRows = 4, kLanes = Width::kLanes;
  const PanelEpilogue* epilogue = task.epilogues[0];
  const int32_t* products = task.products;
  for (int64_t tile = 0; tile < task.tiles; tile += kRows) {
    const int64_t left = task.tiles - tile;
    WithConstant<kRows>(left < kRows ? left : kRows, [&](auto m) __attribute__((always_inline)) {
      Register acc[m.kValue][nv];
      Unroll<m.kValue>([&](auto r) __attribute__((always_inline)) {
        Unroll<nv>([&](auto v) __attribute__((always_inline)) {
          acc[r][v] = Width::Add(Width::LoadInts(products + (r * nv + v) * kLanes),
                                 Width::LoadInts(epilogue->offsets + v * kLanes));
        });
      });
      OutputTask<Simd, nv>(*epilogue, task.columns)
          .template Write<m.kValue>(acc, task.output, task.rows + tile, /*first_row=*/0);
    });
    products += kRows * nv * kLanes;
  }
}

template <class Simd, int nv, int side>
void RunStrassenPanel(const TransformedTask& task) {
  if constexpr (side == 1) {
    MultiplyTransformed<Simd, nv>(task, /*positions=*/1, {0, task.chunks});
    WriteWidenedTiles<Simd, nv>(task);
  } else {
    constexpr int kTransform = side == 2 ? kStrassen : kStrassenTwice;
    MultiplyTransformed<Simd, nv>(task, kTransforms[kTransform].positions, {0, task.chunks});
    WriteStrassenTiles<Simd, nv, side>(task);
  }
}

}  // namespace
}  // namespace qconv::kernels
