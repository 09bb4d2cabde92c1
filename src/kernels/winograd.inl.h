// Winograd kernels: 3x3 (and n x 3 x 3) layers, stride 1, with 36 products for 4 x 4 outputs
// instead of 144. The factors need 16 bits, so that an instruction multiplies half as many of them.
//
// Layer: kernels, compiled once per ISA. F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2015), in integers:
//
//   S = A' [(B' d B) * (H g H')] A      d: 6 x 6 inputs, g: 3 x 3 weights, S: 4 x 4
//
//        4  0 -5  0  1  0         6  0  0
//        0 -4 -4  1  1  0        -2 -2 -2        1  2  2  1  1  0
//   B' = 0  4 -4 -1  1  0    H = -2  2 -2   A' = 0  1 -1  1 -1  0
//        0 -2 -1  2  1  0         1  2  4        0  1  1  2  2  0
//        0  2 -1 -2  1  0         1 -2  4        0  1 -1  4 -4  2
//        0  4  0 -5  0  1         0  0  6
//
// H is 24 times their G, but for powers of two that went to A', which in turn lost them where all
// of a row had them. So the first row of S is 24 times that of the outputs, the others are 12 times
// theirs, and likewise the columns:
//
//   S[i][j] = 9 * 2^(6 - (i > 0) - (j > 0)) * Y[i][j]
//
// Exact: factors fit int16 (B' d B is within 17340, H g H' within 49 times the largest weight), and
// int32 sums may wrap, as everything that follows is right modulo 2^32. There 9 has an inverse, and
// a shift to the right brings back Y, which has kWinogradSumBits at most. Where it may have more,
// it is the sum of parts, of some input channels each, that have not.
//
// Each element of the 6 x 6 product is a position (transformed.inl.h).
// Read next: ../pack/winograd.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/transformed.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// B' d, of a column, or of a row.
template <class Words, class Store>
inline __attribute__((always_inline)) void TransformWinogradLine(const Words (&d)[kWinogradSide],
                                                                 const Store& store) {
  const Words t = d[4] - (d[2] << 2), u = d[3] - (d[1] << 2);
  const Words v = d[4] - d[2], w = (d[3] - d[1]) << 1;
  store(Index<0>{}, ((d[0] - d[2]) << 2) + v);
  store(Index<1>{}, t + u);
  store(Index<2>{}, t - u);
  store(Index<3>{}, v + w);
  store(Index<4>{}, v - w);
  store(Index<5>{}, d[5] - d[3] - (w << 1));
}

// From d to B' d B, for vectors of input channels.
template <class Simd>
void TransformWinogradInput(const TransformInputTask& task) {
  using Width = typename Simd::Width;
  using Words = typename Width::Words;
  constexpr int kChunk = 2 * Width::kLanes;
  const int64_t last = task.channels - kChunk, chunks = (task.channels + kChunk - 1) / kChunk;
  const uint8_t* const* pixels = task.pixels;
  for (int64_t tile = 0; tile < task.tiles; ++tile, pixels += kWinogradPositions) {
    int16_t* output = task.output + tile * kChunk;
    for (int64_t chunk = 0; chunk < chunks; ++chunk, output += task.tiles * kChunk) {
      const int64_t channel = task.channel + (chunk < chunks - 1 ? chunk * kChunk : last);
      Words rows[kWinogradSide][kWinogradSide];  // B' d
      Unroll<kWinogradSide>([&](auto j) __attribute__((always_inline)) {
        Words d[kWinogradSide];
        Unroll<kWinogradSide>([&](auto i) __attribute__((always_inline)) {
          d[i] = Width::LoadWords(pixels[i * kWinogradSide + j] + channel);
        });
        TransformWinogradLine(
            d, [&](auto i, const Words& x) __attribute__((always_inline)) { rows[i][j] = x; });
      });
      Unroll<kWinogradSide>([&](auto i) __attribute__((always_inline)) {
        TransformWinogradLine(rows[i], [&](auto j, const Words& x) __attribute__((always_inline)) {
          constexpr int kPosition = i.kValue * kWinogradSide + j.kValue;
          Width::StoreWords(output + kPosition * task.position_step, x);
        });
      });
    }
  }
}

// A' m, of a column, or of a row.
template <class Width, class Register, class Store>
inline __attribute__((always_inline)) void TransformWinogradSums(const Register (&m)[kWinogradSide],
                                                                 const Store& store) {
  const Register p = Width::Add(m[1], m[2]), q = Width::Subtract(m[1], m[2]);
  const Register r = Width::Add(m[3], m[4]), s = Width::Subtract(m[3], m[4]);
  store(Index<0>{}, Width::Add(Width::Add(m[0], r), p << 1));
  store(Index<1>{}, Width::Add(q, s));
  store(Index<2>{}, Width::Add(p, r << 1));
  store(Index<3>{}, Width::Add(q, Width::Add(s << 1, m[5]) << 1));
}

// Numbers for the outputs of a tile, `step` apart.
template <class Int>
struct WinogradNumbers {
  Int* first;
  int64_t step;
};

// y = Y + what is known before, of a tile and a vector.
template <class Simd>
inline __attribute__((always_inline)) void TransformWinogradProducts(
    const int32_t* products, int64_t step, WinogradNumbers<const int32_t> before,
    WinogradNumbers<int32_t> y) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int32_t kInverseOf9 = 0x38e38e39;  // modulo 2^32
  static_assert(9 * uint32_t{kInverseOf9} == 1);
  constexpr int kScaleBits = 32 - kWinogradSumBits;
  Register columns[kWinogradOutputSide][kWinogradSide];  // A' [...]
  Unroll<kWinogradSide>([&](auto j) __attribute__((always_inline)) {
    Register m[kWinogradSide];
    Unroll<kWinogradSide>([&](auto i) __attribute__((always_inline)) {
      m[i] = Width::LoadInts(products + (i * kWinogradSide + j) * step);
    });
    TransformWinogradSums<Width>(
        m, [&](auto i, const Register& x) __attribute__((always_inline)) { columns[i][j] = x; });
  });
  Unroll<kWinogradOutputSide>([&](auto i) __attribute__((always_inline)) {
    TransformWinogradSums<Width>(
        columns[i], [&](auto j, const Register& s) __attribute__((always_inline)) {
          constexpr int kBits = kScaleBits - (i.kValue > 0) - (j.kValue > 0);
          const Register sum = Width::Scale(s, kInverseOf9) >> kBits;
          constexpr int kOutput = i.kValue * kWinogradOutputSide + j.kValue;
          Width::StoreInts(y.first + kOutput * y.step,
                           Width::Add(sum, Width::LoadInts(before.first + kOutput * before.step)));
        });
  });
}

// Sums of parts, [output][tile][column].
inline int32_t* WinogradSums(const TransformedTask& task) {
  return task.products + kWinogradPositions * task.product_step;
}

// y = the sums of a tile over this part and those before, all columns, and the offsets.
template <class Simd, int nv>
inline __attribute__((always_inline)) void SumWinogradTile(const TransformedTask& task,
                                                           int64_t tile, bool first_part,
                                                           WinogradNumbers<int32_t> y) {
  constexpr int kLanes = Simd::Width::kLanes, kColumns = nv * kLanes;
  const int64_t at = tile * kColumns;
  WinogradNumbers<const int32_t> before = {WinogradSums(task) + at, task.product_step};
  if (first_part) before = {task.epilogues[0]->offsets, 0};
#pragma GCC unroll 1
  for (int column = 0; column < kColumns; column += kLanes) {
    TransformWinogradProducts<Simd>(task.products + at + column, task.product_step,
                                    {before.first + column, before.step},
                                    {y.first + column, y.step});
  }
}

// Keeps the sums of a part that is not the last.
template <class Simd, int nv>
__attribute__((flatten)) void AddWinogradTiles(const TransformedTask& task, bool first_part) {
  constexpr int kColumns = nv * Simd::Width::kLanes;
  for (int64_t tile = 0; tile < task.tiles; ++tile) {
    SumWinogradTile<Simd, nv>(task, tile, first_part,
                              {WinogradSums(task) + tile * kColumns, task.product_step});
  }
}

// Writes the outputs, after the last part.
template <class Simd, int nv>
__attribute__((flatten)) void WriteWinogradTiles(const TransformedTask& task, bool first_part) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kLanes = Width::kLanes, kColumns = nv * kLanes;
  const OutputTask<Simd, nv> output_task(*task.epilogues[0], task.columns);
  const Row* rows = task.rows;
  alignas(sizeof(Register)) int32_t outputs[kWinogradOutputs * kColumns];
  for (int64_t tile = 0; tile < task.tiles; ++tile) {
    SumWinogradTile<Simd, nv>(task, tile, first_part, {outputs, kColumns});
    const int32_t* y = outputs;
#pragma GCC unroll 1
    for (int i = 0; i < kWinogradOutputSide; ++i, rows += kWinogradOutputSide) {
      Register acc[kWinogradOutputSide][nv];
      Unroll<kWinogradOutputSide>([&](auto j) __attribute__((always_inline)) {
        Unroll<nv>([&](auto v) __attribute__((always_inline)) {
          acc[j][v] = Width::LoadInts(y);
          y += kLanes;
        });
      });
      int64_t count = 0;
      while (count < kWinogradOutputSide && rows[count].output >= 0) ++count;
      if (count == 0) continue;
      WithConstant<kWinogradOutputSide>(count, [&](auto n) __attribute__((always_inline)) {
        output_task.template Write<n.kValue>(reinterpret_cast<Register(&)[n.kValue][nv]>(acc),
                                             task.output, rows, /*first_row=*/0);
      });
    }
  }
}

template <class Simd, int nv>
void RunWinogradPanel(const TransformedTask& task) {
  for (int64_t chunk = 0; chunk < task.chunks; chunk += task.part_chunks) {
    const int64_t left = task.chunks - chunk;
    if (left <= task.part_chunks) {
      MultiplyTransformed<Simd, nv>(task, kWinogradPositions, {chunk, left});
      WriteWinogradTiles<Simd, nv>(task, chunk == 0);
    } else {
      MultiplyTransformed<Simd, nv>(task, kWinogradPositions, {chunk, task.part_chunks});
      AddWinogradTiles<Simd, nv>(task, chunk == 0);
    }
  }
}

}  // namespace
}  // namespace qconv::kernels
