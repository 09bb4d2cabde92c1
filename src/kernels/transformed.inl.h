// MultiplyTransformed: transformed input times transformed weights, position by position.
//
// Layer: kernels, compiled once per ISA. The matrix products of all fast algorithms; sums are kept
// in memory, for these to make outputs of. Factors have 16 bits, and sums may wrap.
// Read next: winograd.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// The sums of a position for `m` tiles, over `chunks` chunks: products[r * kColumns ..] for tile r.
template <class Simd, int m, int nv>
__attribute__((flatten)) void MultiplyTransformedTiles(const TransformedTask& task,
                                                       const int16_t* input,
                                                       const std::byte* weights, int64_t chunks,
                                                       int32_t* products) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kLanes = Width::kLanes, kChunk = 2 * kLanes;
  constexpr int64_t kVectorBytes = kLanes * sizeof(int32_t);
  Register acc[m][nv];
  Unroll<m>([&](auto r) { Unroll<nv>([&](auto v) { acc[r][v] = Register{}; }); });
  // To the weights of the next position, which are to be in the second-level cache by then. (AVX2,
  // 512 and 1024 channels, 14x14 and 16x16 images: 8 and 15 % less time.)
  constexpr int64_t kLineBytes = 64;
  const int64_t next = task.chunks * task.pairs * nv * kVectorBytes;
  for (int64_t chunk = 0; chunk < chunks; ++chunk, input += task.tiles * kChunk) {
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
    Unroll<nv>([&](auto v) { Width::StoreInts(products + (r * nv + v) * kLanes, acc[r][v]); });
  });
}

// The sums of all tiles at all positions, over some chunks.
template <class Simd, int nv>
void MultiplyTransformed(const TransformedTask& task, int positions, int64_t first_chunk,
                         int64_t chunks) {
  constexpr int kLanes = Simd::Width::kLanes, kColumns = nv * kLanes, kChunk = 2 * kLanes;
  constexpr int kMost = TileRows(Simd::kTransformedTileRows[nv - 1]);
  const EvenTiles steps(task.tiles, kMost);
  const int64_t chunk_bytes = task.pairs * kColumns * static_cast<int64_t>(sizeof(int32_t));
  const int16_t* input = task.input + first_chunk * task.tiles * kChunk;
  const std::byte* weights = task.weights + first_chunk * chunk_bytes;
  for (int position = 0; position < positions; ++position) {
    int64_t tile = 0;
    for (int64_t step = 0; step < steps.count; ++step) {
      WithConstant<kMost>(steps.HeightOf(step), [&](auto m) {
        MultiplyTransformedTiles<Simd, m.kValue, nv>(
            task, input + position * task.input_step + tile * kChunk, weights, chunks,
            task.products + position * task.product_step + tile * kColumns);
      });
      tile += steps.HeightOf(step);
    }
    weights += task.chunks * chunk_bytes;
  }
}

}  // namespace
}  // namespace qconv::kernels
