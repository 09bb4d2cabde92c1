// Winograd kernels: 3x3 (and n x 3 x 3) layers, stride 1, with 16 products for 2 x 2 outputs
// instead of 36. For ISAs without an exact dot product of quads: the factors need 16 bits.
//
// Layer: kernels, compiled once per ISA. F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2015), in integers:
//
//   4 Y = A' [(B' d B) * (H g H')] A      d: 4 x 4 inputs, g: 3 x 3 weights, Y: 2 x 2 outputs
//
//        1  0 -1  0         2  0  0
//   B' = 0  1  1  0     H = 1  1  1     A' = 1  1  1  0
//        0 -1  1  0         1 -1  1          0  1 -1 -1
//        0  1  0 -1         0  0  2
//
// H is twice their G, so that it has no fractions. Exact: factors fit int16, sums may wrap on the
// way, 4 Y is known to fit int32.
//
// Each element of the 4 x 4 product is a position; for each the sum over input channels (and kernel
// planes) is a matrix product of its own: tiles times input channels by input channels times output
// channels.
// Read next: ../pack/winograd.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// From d to B' d B, for vectors of input channels.
template <class Simd>
void TransformWinogradInput(const WinogradInputTask& task) {
  using Width = typename Simd::Width;
  using Words = typename Width::Words;
  constexpr int kChunk = 2 * Width::kLanes;
  const auto transform = [](const Words& d0, const Words& d1, const Words& d2, const Words& d3,
                            auto store) __attribute__((always_inline)) {
    store(Index<0>{}, d0 - d2);
    store(Index<1>{}, d1 + d2);
    store(Index<2>{}, d2 - d1);
    store(Index<3>{}, d1 - d3);
  };
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
        transform(d[0], d[1], d[2], d[3],
                  [&](auto i, const Words& x) __attribute__((always_inline)) { rows[i][j] = x; });
      });
      Unroll<kWinogradSide>([&](auto i) __attribute__((always_inline)) {
        const auto& r = rows[i];
        transform(r[0], r[1], r[2], r[3],
                  [&](auto j, const Words& x) __attribute__((always_inline)) {
                    constexpr int kPosition = i.kValue * kWinogradSide + j.kValue;
                    Width::StoreWords(output + kPosition * task.position_step, x);
                  });
      });
    }
  }
}

// The sums of a position for `m` tiles: products[r * kColumns ..] for tile r.
template <class Simd, int m, int nv>
__attribute__((flatten)) void MultiplyWinogradTiles(const WinogradTask& task, const int16_t* input,
                                                    const std::byte* weights,
                                                    const int32_t* initial, int32_t* products) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kLanes = Width::kLanes, kChunk = 2 * kLanes;
  constexpr int64_t kVectorBytes = kLanes * sizeof(int32_t);
  Register acc[m][nv];
  Unroll<nv>([&](auto v) {
    const Register sum = Width::LoadInts(initial + v * kLanes);
    Unroll<m>([&](auto r) { acc[r][v] = sum; });
  });
  // To the weights of the next position, which are to be in the second-level cache by then. (AVX2,
  // 512 and 1024 channels, 14x14 and 16x16 images: 8 and 15 % less time.)
  constexpr int64_t kLineBytes = 64;
  const int64_t next = task.chunks * task.pairs * nv * kVectorBytes;
  for (int64_t chunk = 0; chunk < task.chunks; ++chunk, input += task.tiles * kChunk) {
    const auto* pairs = reinterpret_cast<const uint8_t*>(input);
#pragma GCC unroll kDepthUnroll
    for (int64_t pair = 0; pair < task.pairs; ++pair, weights += nv * kVectorBytes) {
      for (int64_t line = 0; line < nv * kVectorBytes; line += kLineBytes) {
        __builtin_prefetch(weights + next + line, /*write=*/0, /*locality=*/2);
      }
      typename Simd::Quads w[nv];
      Unroll<nv>([&](auto v) { w[v] = Simd::LoadQuads(weights + v * kVectorBytes); });
      Unroll<m>([&](auto r) {
        const auto x = Simd::BroadcastQuad(pairs + r * kVectorBytes + pair * sizeof(int32_t));
        Unroll<nv>([&](auto v) { acc[r][v] = Simd::AddWordProducts(acc[r][v], x, w[v]); });
      });
    }
  }
  Unroll<m>([&](auto r) {
    Unroll<nv>([&](auto v) {
      typename Simd::Int32(reinterpret_cast<typename Width::Native>(acc[r][v]))
          .store_unaligned(products + (r * nv + v) * kLanes);
    });
  });
}

// All tiles and positions.
template <class Simd, int nv>
void MultiplyWinograd(const WinogradTask& task) {
  constexpr int kLanes = Simd::Width::kLanes, kColumns = nv * kLanes, kChunk = 2 * kLanes;
  constexpr int kMost = TileRows(Simd::kWinogradTileRows[nv - 1]);
  constexpr int kAllOutputs = kWinogradSide + 1;  // position (1, 1), which all four outputs add
  int32_t zeros[kColumns] = {}, offsets[kColumns];
  for (int c = 0; c < kColumns; ++c) {
    const auto offset = static_cast<uint32_t>(task.epilogue->offsets[c]) -
                        static_cast<uint32_t>(task.epilogue->bases[c]);
    offsets[c] = static_cast<int32_t>(offset << kWinogradScaleBits);
  }
  const EvenTiles steps(task.tiles, kMost);
  const std::byte* weights = task.weights;
  for (int position = 0; position < kWinogradPositions; ++position) {
    int64_t tile = 0;
    for (int64_t step = 0; step < steps.count; ++step) {
      WithConstant<kMost>(steps.HeightOf(step), [&](auto m) {
        MultiplyWinogradTiles<Simd, m.kValue, nv>(
            task, task.input + position * task.input_step + tile * kChunk, weights,
            position == kAllOutputs ? offsets : zeros,
            task.products + position * task.product_step + tile * kColumns);
      });
      tile += steps.HeightOf(step);
    }
    weights += task.chunks * task.pairs * kColumns * static_cast<int64_t>(sizeof(int32_t));
  }
}

// Y = A' [...] A / 4 of a tile and a vector.
template <class Simd>
inline __attribute__((always_inline)) void TransformWinogradProducts(
    const int32_t* products, int64_t step, typename Simd::Width::Register (&y)[kWinogradOutputs]) {
  using Register = typename Simd::Width::Register;
  Register columns[2][kWinogradSide];  // A' [...]
  Unroll<kWinogradSide>([&](auto j) __attribute__((always_inline)) {
    Register p[kWinogradSide];
    Unroll<kWinogradSide>([&](auto i) __attribute__((always_inline)) {
      p[i] = Simd::Width::LoadInts(products + (i * kWinogradSide + j) * step);
    });
    columns[0][j] = Simd::Width::Add(Simd::Width::Add(p[0], p[1]), p[2]);
    columns[1][j] = Simd::Width::Subtract(Simd::Width::Subtract(p[1], p[2]), p[3]);
  });
  Unroll<2>([&](auto i) __attribute__((always_inline)) {
    const auto& c = columns[i];
    y[2 * i] = Simd::Width::Add(Simd::Width::Add(c[0], c[1]), c[2]) >> kWinogradScaleBits;
    y[2 * i + 1] =
        Simd::Width::Subtract(Simd::Width::Subtract(c[1], c[2]), c[3]) >> kWinogradScaleBits;
  });
}

template <class Simd, int nv>
__attribute__((flatten)) void WriteWinogradTiles(const WinogradTask& task) {
  using Register = typename Simd::Width::Register;
  constexpr int kLanes = Simd::Width::kLanes;
  const OutputTask<Simd, nv> output_task(*task.epilogue, task.columns);
  const int32_t* products = task.products;
  for (int64_t tile = 0; tile < task.tiles; ++tile, products += nv * kLanes) {
    Register y[kWinogradOutputs][nv];
    Unroll<nv>([&](auto v) __attribute__((always_inline)) {
      Register outputs[kWinogradOutputs];
      TransformWinogradProducts<Simd>(products + v * kLanes, task.product_step, outputs);
      const Register base = Simd::Width::LoadInts(task.epilogue->bases + v * kLanes);
      Unroll<kWinogradOutputs>([&](auto r) { y[r][v] = Simd::Width::Add(outputs[r], base); });
    });
    const Row* rows = task.rows + tile * kWinogradOutputs;
    if (rows[kWinogradOutputs - 1].output >= 0) {
      output_task.template Write<kWinogradOutputs>(y, task.output, rows, /*first_row=*/0);
      continue;
    }
    Unroll<kWinogradOutputs>([&](auto r) {
      if (rows[r].output < 0) return;
      output_task.template Write<1>(*reinterpret_cast<Register(*)[1][nv]>(&y[r]), task.output,
                                    rows + r, /*first_row=*/0);
    });
  }
}

template <class Simd, int nv>
void RunWinogradPanel(const WinogradTask& task) {
  MultiplyWinograd<Simd, nv>(task);
  WriteWinogradTiles<Simd, nv>(task);
}

}  // namespace
}  // namespace qconv::kernels
