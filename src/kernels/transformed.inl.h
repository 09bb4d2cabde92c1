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

// Some chunks of input channels, one after the other.
struct ChunkRange {
  int64_t first, count;
};

// The sums of a position for `m` tiles, over some chunks: products[r * kColumns ..] for tile r.
// `left`: chunks of the kernel plane from the first of these on.
template <class Simd, int m, int nv>
__attribute__((flatten)) void MultiplyTransformedTiles(const TransformedTask& task,
                                                       const int16_t* input,
                                                       const std::byte* weights, int64_t chunks,
                                                       int64_t left, int32_t* products) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kLanes = Width::kLanes, kChunk = 2 * kLanes;
  constexpr int64_t kVectorBytes = kLanes * sizeof(int32_t);
  Register acc[m][nv];
  Unroll<m>([&](auto r) { Unroll<nv>([&](auto v) { acc[r][v] = Register{}; }); });
  // The weights of the next position are to be in the second-level cache by then. (AVX2, 512 and
  // 1024 channels, 14x14 and 16x16 images: 8 and 15 % less time.)
  constexpr int64_t kLineBytes = 64;
  for (; chunks > 0; --chunks, input += task.tiles * kChunk) {
    int64_t pairs = task.pairs, begin = 0;
    if (--left == 0) {
      pairs = task.last_pairs;
      begin = task.last_begin;
      left = task.plane_chunks;
    }
    const auto* pair = reinterpret_cast<const uint8_t*>(input) + begin * sizeof(int32_t);
#pragma GCC unroll kDepthUnroll
    for (; pairs > 0; --pairs, pair += sizeof(int32_t), weights += nv * kVectorBytes) {
      for (int64_t line = 0; line < nv * kVectorBytes; line += kLineBytes) {
        __builtin_prefetch(weights + task.weight_step + line, /*write=*/0, /*locality=*/2);
      }
      typename Simd::Quads w[nv];
      Unroll<nv>([&](auto v) { w[v] = Simd::LoadQuads(weights + v * kVectorBytes); });
      Unroll<m>([&](auto r) {
        const auto x = Simd::BroadcastQuad(pair + r * kVectorBytes);
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
void MultiplyTransformed(const TransformedTask& task, int positions, ChunkRange chunks) {
  constexpr int kLanes = Simd::Width::kLanes, kColumns = nv * kLanes, kChunk = 2 * kLanes;
  constexpr int kMost = TileRows(Simd::kTransformedTileRows[nv - 1]);
  const EvenTiles steps(task.tiles, kMost);
  const int64_t planes = chunks.first / task.plane_chunks,
                in_plane = chunks.first % task.plane_chunks;
  const int64_t plane_pairs = (task.plane_chunks - 1) * task.pairs + task.last_pairs;
  const int64_t pairs_before = planes * plane_pairs + in_plane * task.pairs;
  const int16_t* input = task.input + chunks.first * task.tiles * kChunk;
  const std::byte* weights =
      task.weights + pairs_before * kColumns * static_cast<int64_t>(sizeof(int32_t));
  for (int position = 0; position < positions; ++position, weights += task.weight_step) {
    int64_t tile = 0;
    for (int64_t step = 0; step < steps.count; ++step) {
      WithConstant<kMost>(steps.HeightOf(step), [&](auto m) {
        MultiplyTransformedTiles<Simd, m.kValue, nv>(
            task, input + position * task.input_step + tile * kChunk, weights, chunks.count,
            task.plane_chunks - in_plane,
            task.products + position * task.product_step + tile * kColumns);
      });
      tile += steps.HeightOf(step);
    }
  }
}

}  // namespace
}  // namespace qconv::kernels
