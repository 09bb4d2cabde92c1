// ChainInput: the inner loops of dense layers where no instruction sums four products exactly, but
// packing has proven which sums of products fit int16 (see TapChains in kernel_table.h).
//
// Layer: kernels, compiled once per ISA. An Input of gemm_tile.inl.h, for panels of one vector: the
// fewer channels share a proof, the longer the chains.
//
//   Simd supplies
//     Quads                         four bytes per lane, u8 or s8
//     BroadcastQuad(pointer)        of one pixel;  LoadQuads(pointer), of each channel
//     Pairs(a, w)                   sums of two products in int16; saturates, but not with proof
//     AddPairs(x, y)
//     AddChain(acc, x)              acc + the two int16 of each lane
//     kChainTileRows
// Read next: ../pack/chains.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

template <class Simd, int nv>
class ChainInput {
 public:
  static_assert(nv == 1);
  static constexpr int kTileRows = Simd::kChainTileRows;
  static constexpr int kInFlight = 1;  // accumulators wait for one addition only

  explicit ChainInput(const PanelTask& task) : task_(task) {}

  // All taps of the rows at `a`.
  template <int sums, int m>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], const uint8_t* (&a)[m]) const {
    const TapLoop &d = task_.taps[0], &h = task_.taps[1], &w = task_.taps[2];
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        int64_t k = i * d.input_stride + j * h.input_stride;
        const TapChains* tap = task_.chains + i * d.weight_stride + j * h.weight_stride;
        for (int64_t l = 0; l < w.count; ++l) {
          AccumulateTap(acc[0], a, k, *tap);
          k += w.input_stride;
          tap += w.weight_stride;
        }
      }
    }
  }

 private:
  static constexpr int kLinkBytes = Simd::Width::kLanes * kDepthGroup;

  template <int m>
  inline __attribute__((always_inline)) void AccumulateTap(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
      const TapChains& tap) const {
    const std::byte* weights = task_.weights + tap.weights;
    const int32_t* inputs = task_.chain_inputs + tap.inputs;
    Unroll<kMaxLinks>([&](auto shorter) {
      constexpr int kLinks = kMaxLinks - shorter.kValue;
#pragma GCC unroll 1
      for (int32_t i = tap.counts[kLinks - 1]; i > 0; --i) {
        AccumulateChain<kLinks>(acc, a, k, inputs, weights);
        inputs += kLinks;
        weights += kLinks * kLinkBytes;
      }
    });
  }

  // One chain: acc[r] += the quads of row r at k + inputs[0 .. links) times those at `weights`.
  template <int links, int m>
  static inline __attribute__((always_inline)) void AccumulateChain(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
      const int32_t* inputs, const std::byte* weights) {
    int64_t at[links];
    typename Simd::Quads w[links];
    Unroll<links>([&](auto i) {
      at[i] = k + inputs[i];
      w[i] = Simd::LoadQuads(weights + i * kLinkBytes);
    });
    Unroll<m>([&](auto r) {
      typename Simd::Quads sum = Simd::Pairs(Simd::BroadcastQuad(a[r] + at[0]), w[0]);
      Unroll<links - 1>([&](auto i) {
        sum = Simd::AddPairs(sum, Simd::Pairs(Simd::BroadcastQuad(a[r] + at[i + 1]), w[i + 1]));
      });
      acc[r][0] = Simd::AddChain(acc[r][0], sum);
    });
  }

  const PanelTask& task_;
};

}  // namespace
}  // namespace qconv::kernels
