// ChainInput: the inner loops of dense layers where no instruction sums four products exactly, but
// packing has proven which sums of products fit int16 (see ChainList in kernel_table.h).
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

  explicit ChainInput(const PanelTask& task) : task_(task) {
    for (int i = 0; i < 3; ++i) taps_[i] = task.taps[i];
    places_[0] = 0;
    if (!task.whole_chains) return;
    int64_t* place = places_;
    for (int64_t i = 0; i < taps_[0].count; ++i) {
      for (int64_t j = 0; j < taps_[1].count; ++j) {
        for (int64_t l = 0; l < taps_[2].count; ++l) {
          *place++ =
              i * taps_[0].input_stride + j * taps_[1].input_stride + l * taps_[2].input_stride;
        }
      }
    }
    for (TapLoop& loop : taps_) loop.count = 1;
  }

  // All taps of the rows at `a`.
  template <int sums, int m>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], const uint8_t* (&a)[m]) const {
    for (int64_t i = 0; i < taps_[0].count; ++i) {
      for (int64_t j = 0; j < taps_[1].count; ++j) {
        for (int64_t l = 0; l < taps_[2].count; ++l) {
          const ChainList& list =
              task_.chains[i * taps_[0].weight_stride + j * taps_[1].weight_stride + l];
          const int64_t k =
              i * taps_[0].input_stride + j * taps_[1].input_stride + l * taps_[2].input_stride;
          AccumulateChains<kMaxLinks>(acc[0], a, k, list, task_.chain_links + list.links,
                                      task_.weights + list.weights);
        }
      }
    }
  }

 private:
  static constexpr int kLinkBytes = Simd::Width::kLanes * kDepthGroup;

  // The chains of so many links, then the shorter ones.
  template <int links, int m>
  inline __attribute__((always_inline)) void AccumulateChains(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
      const ChainList& list, const ChainLink* link, const std::byte* weights) const {
#pragma GCC unroll 1
    for (int32_t i = list.counts[links - 1]; i > 0; --i) {
      AccumulateChain<links>(acc, a, k, link, weights);
      link += links;
      weights += links * kLinkBytes;
    }
    if constexpr (links > 1) AccumulateChains<links - 1>(acc, a, k, list, link, weights);
  }

  // One chain.
  template <int links, int m>
  inline __attribute__((always_inline)) void AccumulateChain(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
      const ChainLink* link, const std::byte* weights) const {
    int64_t at[links];
    typename Simd::Quads w[links];
    Unroll<links>([&](auto i) {
      at[i] = k + places_[link[i].tap] + link[i].input;
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
  TapLoop taps_[3];
  int64_t places_[kMaxChainTaps];  // of the taps of a list
};

}  // namespace
}  // namespace qconv::kernels
