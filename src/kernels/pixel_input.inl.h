// PixelInput: the inner loops of dense layers. Four bytes of a pixel are a depth group, broadcast
// to all lanes: every output channel multiplies them.
//
// Layer: kernels, compiled once per ISA. An Input of gemm_tile.inl.h. Read next: lane_input.inl.h,
// its twin.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kDepthUnroll = QCONV_DEPTH_UNROLL;  // 4; under sanitizers 1 (cmake/isa.cmake)

template <class Simd, int nv>
class PixelInput {
 public:
  static constexpr int kTileRows = Simd::kTileRows[nv - 1];

  // All taps of the rows at `a`; acc[0] has the offsets already.
  template <int chains, int m>
  static inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[chains][m][nv], const PanelTask& task,
      const uint8_t* const (&a)[m]) {
    const TapLoop &d = task.taps[0], &h = task.taps[1], &w = task.taps[2];
    const int64_t depth = task.depth_groups * kDepthGroup;
    // Shallow pointwise layers are short of instruction slots, not of arithmetic: without the loops
    // a 12x16 tile of depth 16 takes 15 % less time.
    if (d.count == 1 && h.count == 1 && w.count == 1) {
      return AccumulateTap(acc, a, 0, depth, task.weights);
    }
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        int64_t k = i * d.input_stride + j * h.input_stride;
        const std::byte* weights = task.weights + i * d.weight_stride + j * h.weight_stride;
        for (int64_t l = 0; l < w.count; ++l) {
          AccumulateTap(acc, a, k, k + depth, weights);
          k += w.input_stride;
          weights += w.weight_stride;
        }
      }
    }
  }

 private:
  static constexpr int64_t kGroupWeightBytes = nv * Simd::kWeightVectorBytes;

  // One tap: input bytes [k, end) of each row.
  template <int chains, int m>
  static inline __attribute__((always_inline)) void AccumulateTap(
      typename Simd::Width::Register (&acc)[chains][m][nv], const uint8_t* const (&a)[m], int64_t k,
      int64_t end, const std::byte* weights) {
    if constexpr (chains > 1) {
      for (; k + chains * kDepthGroup <= end; k += chains * kDepthGroup) {
        Unroll<chains>([&](auto c) {
          AccumulateGroup(acc[c], a, k + c * kDepthGroup, weights + c * kGroupWeightBytes);
        });
        weights += chains * kGroupWeightBytes;
      }
    }
    // Unrolled by 4, 6x64 tiles on AVX-512 VNNI reach 98 % of the ceiling at a depth of 1024; not
    // unrolled, 94 %.
#pragma GCC unroll kDepthUnroll
    for (; k < end; k += kDepthGroup) {
      AccumulateGroup(acc[0], a, k, weights);
      weights += kGroupWeightBytes;
    }
  }

  // One depth group: acc[r][v] += the four bytes of row r times the weights of vector v.
  template <int m>
  static inline __attribute__((always_inline)) void AccumulateGroup(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m], int64_t k,
      const std::byte* weights) {
    typename Simd::Weights b[nv];
    Unroll<nv>([&](auto v) { b[v] = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes); });
    Unroll<m>([&](auto r) {
      const typename Simd::Activations x = Simd::Broadcast(a[r] + k);
      Unroll<nv>([&](auto v) { acc[r][v] = Simd::Dot(acc[r][v], x, b[v]); });
    });
  }
};

}  // namespace
}  // namespace qconv::kernels
