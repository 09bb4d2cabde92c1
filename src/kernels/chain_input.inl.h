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

#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

template <class Simd, int nv>
class ChainInput {
 public:
  static_assert(nv == 1);
  static constexpr int kTileRows = TileRows(Simd::kChainTileRows);
  static constexpr int kInFlight = 1;  // accumulators wait for one addition only

  explicit ChainInput(const PanelTask& task)
      : chains_(task.chains), weights_(task.weights), inputs_(task.chain_inputs) {
    for (int i = 0; i < 3; ++i) taps_[i] = task.taps[i];
    if (task.whole_chains) FindInputs(task);
    single_ = taps_[0].count * taps_[1].count * taps_[2].count == 1;
  }

  // All taps of the rows at `a`.
  template <int sums, int m>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], const uint8_t* (&a)[m]) const {
    const TapLoop &d = taps_[0], &h = taps_[1], &w = taps_[2];
    if (single_) return AccumulateList(acc[0], a, *chains_);  // pointwise: a tenth less time
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        int64_t k = i * d.input_stride + j * h.input_stride;
        const ChainList* list = chains_ + i * d.weight_stride + j * h.weight_stride;
        for (int64_t l = 0; l < w.count; ++l) {
          const uint8_t* tap[m];
          Unroll<m>([&](auto r) { tap[r] = a[r] + k; });
          AccumulateList(acc[0], tap, *list);
          k += w.input_stride;
          list += w.weight_stride;
        }
      }
    }
  }

 private:
  static constexpr int kLinkBytes = Simd::Width::kLanes * kDepthGroup;

  // Makes of the list of all taps one of a single tap. For each block anew, as taps lie closer in
  // gathered input than in the image.
  void FindInputs(const PanelTask& task) {
    const TapLoop &d = taps_[0], &h = taps_[1], &w = taps_[2];
    int32_t places[kMaxWholeTaps];
    int32_t* place = places;
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        for (int64_t l = 0; l < w.count; ++l) {
          *place++ =
              static_cast<int32_t>(i * d.input_stride + j * h.input_stride + l * w.input_stride);
        }
      }
    }
    const ChainList& list = *chains_;
    const int32_t* inputs = inputs_ + list.first_link;
    const int16_t* taps = task.chain_taps + list.first_link;
    for (int32_t i = 0; i < list.links; ++i) found_[i] = places[taps[i]] + inputs[i];
    inputs_ = found_ - list.first_link;
    for (TapLoop& loop : taps_) loop.count = 1;
  }

  template <int m>
  inline __attribute__((always_inline)) void AccumulateList(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m],
      const ChainList& list) const {
    AccumulateChains<kMaxLinks>(acc, a, list, inputs_ + list.first_link, weights_ + list.weights);
  }

  // The chains of so many links, then the shorter ones.
  template <int links, int m>
  static inline __attribute__((always_inline)) void AccumulateChains(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m],
      const ChainList& list, const int32_t* inputs, const std::byte* weights) {
    const uint8_t* row[m];
    Unroll<m>([&](auto r) { row[r] = a[r]; });
#pragma GCC unroll 1
    for (int32_t i = list.counts[links - 1]; i > 0; --i) {
      // Where vector registers are left GCC would keep pointers there, and get them back with
      // instructions that take the place of arithmetic.
      Unroll<m>([&](auto r) { HideInRegister(row[r]); });
      AccumulateChain<links>(acc, row, inputs, weights);
      inputs += links;
      weights += links * kLinkBytes;
    }
    if constexpr (links > 1) AccumulateChains<links - 1>(acc, a, list, inputs, weights);
  }

  // One chain: acc[r] += the quads at a[r] + inputs[0 .. links) times those at `weights`.
  template <int links, int m>
  static inline __attribute__((always_inline)) void AccumulateChain(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m],
      const int32_t* inputs, const std::byte* weights) {
    typename Simd::Quads w[links];
    Unroll<links>([&](auto i) { w[i] = Simd::LoadQuads(weights + i * kLinkBytes); });
    Unroll<m>([&](auto r) {
      typename Simd::Quads sum = Simd::Pairs(Simd::BroadcastQuad(a[r] + inputs[0]), w[0]);
      Unroll<links - 1>([&](auto i) {
        sum = Simd::AddPairs(sum, Simd::Pairs(Simd::BroadcastQuad(a[r] + inputs[i + 1]), w[i + 1]));
      });
      acc[r][0] = Simd::AddChain(acc[r][0], sum);
    });
  }

  const ChainList* chains_;
  const std::byte* weights_;
  const int32_t* inputs_;
  TapLoop taps_[3];
  bool single_;  // one list
  int32_t found_[kMaxWholeLinks];
};

}  // namespace
}  // namespace qconv::kernels
