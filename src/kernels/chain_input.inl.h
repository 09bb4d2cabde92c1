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
//     kChainTileRows, kEvenChainTileRows
// Read next: ../pack/chains.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/row_pointers.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

template <class Simd, int nv>
class ChainInput {
 public:
  static_assert(nv == 1);
  static constexpr int kTileRows = TileRows(Simd::kChainTileRows);
  static constexpr int kEvenTileRows = TileRows(Simd::kEvenChainTileRows);
  static constexpr int kInFlight = 1;  // accumulators wait for one addition only

  explicit ChainInput(const PanelTask& task)
      : task_(task),
        inputs_(task.chain_inputs),
        single_(task.whole_chains ||
                task.taps[0].count * task.taps[1].count * task.taps[2].count == 1) {
    if (task.whole_chains) FindInputs();
  }

  // All taps of the rows at `a`.
  template <int sums, int m, class Rows>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], const Rows& a) const {
    const TapLoop &d = task_.taps[0], &h = task_.taps[1], &w = task_.taps[2];
    if (single_) {  // pointwise: a tenth less time
      Rows rows = a;
      return AccumulateList(acc[0], rows, *task_.chains);
    }
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        int64_t k = i * d.input_stride + j * h.input_stride;
        const ChainList* list = task_.chains + i * d.weight_stride + j * h.weight_stride;
        for (int64_t l = 0; l < w.count; ++l) {
          Rows tap = a;
          tap.Move(k);
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
  void FindInputs() {
    const TapLoop &d = task_.taps[0], &h = task_.taps[1], &w = task_.taps[2];
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
    const ChainList& list = *task_.chains;
    const int32_t* inputs = task_.chain_inputs + list.first_link;
    const int16_t* taps = task_.chain_taps + list.first_link;
    for (int32_t i = 0; i < list.links; ++i) {
      int32_t input = places[taps[i]];
      HideInRegister(input);  // no vectors of them, which some CPUs gather slowly
      found_[i] = input + inputs[i];
    }
    inputs_ = found_;
    first_link_ = list.first_link;
  }

  template <int m, class Rows>
  inline __attribute__((always_inline)) void AccumulateList(
      typename Simd::Width::Register (&acc)[m][nv], Rows& rows, const ChainList& list) const {
    AccumulateChains<kMaxLinks>(acc, rows, list, inputs_ + (list.first_link - first_link_),
                                task_.weights + list.weights);
  }

  // The chains of so many links, then the shorter ones. All loops share one set of pointers, or GCC
  // would load them for each from memory.
  template <int links, int m, class Rows>
  static inline __attribute__((always_inline)) void AccumulateChains(
      typename Simd::Width::Register (&acc)[m][nv], Rows& rows, const ChainList& list,
      const int32_t* inputs, const std::byte* weights) {
#pragma GCC unroll 1
    for (int32_t i = list.counts[links - 1]; i > 0; --i) {
      rows.Hide();
      AccumulateChain<links>(acc, rows, inputs, weights);
      inputs += links;
      weights += links * kLinkBytes;
    }
    if constexpr (links > 1) AccumulateChains<links - 1>(acc, rows, list, inputs, weights);
  }

  // One chain: acc[r] += the quads of row r at inputs[0 .. links) times those at `weights`.
  template <int links, int m>
  static inline __attribute__((always_inline)) void AccumulateChain(
      typename Simd::Width::Register (&acc)[m][nv], const ScatteredRows<m>& rows,
      const int32_t* inputs, const std::byte* weights) {
    typename Simd::Quads w[links];
    Unroll<links>([&](auto i) { w[i] = Simd::LoadQuads(weights + i * kLinkBytes); });
    Unroll<m>([&](auto r) {
      acc[r][0] = AddChain<links>(acc[r][0], w, [&](int i) { return rows.at[r] + inputs[i]; });
    });
  }

  // The same: four rows share the pointers of the links. (Lambdas are inlined early, else GCC keeps
  // accumulators in memory.)
  template <int links, int m>
  static inline __attribute__((always_inline)) void AccumulateChain(
      typename Simd::Width::Register (&acc)[m][nv], const EvenRows<m>& rows, const int32_t* inputs,
      const std::byte* weights) {
    typename Simd::Quads w[links];
    const uint8_t* a[links];
    Unroll<links>([&](auto i) __attribute__((always_inline)) {
      w[i] = Simd::LoadQuads(weights + i * kLinkBytes);
      a[i] = rows.first + inputs[i];
      HideInRegister(a[i]);
    });
    Unroll<m>([&](auto r) __attribute__((always_inline)) {
      if constexpr (EvenRows<m>::template kMovesOn<r.kValue>) {
        Unroll<links>([&](auto i) __attribute__((always_inline)) {
          a[i] += rows.Stride();
          HideInRegister(a[i]);
        });
      }
      acc[r][0] = AddChain<links>(acc[r][0], w, [&](int i) __attribute__((always_inline)) {
        return a[i] + rows.template Place<r.kValue>();
      });
    });
  }

  // acc + the quads at at(0), at(1), ... times w.
  template <int links, class F>
  static inline __attribute__((always_inline)) typename Simd::Width::Register AddChain(
      typename Simd::Width::Register acc, const typename Simd::Quads (&w)[links], const F& at) {
    typename Simd::Quads sum = Simd::Pairs(Simd::BroadcastQuad(at(0)), w[0]);
    Unroll<links - 1>([&](auto i) __attribute__((always_inline)) {
      sum = Simd::AddPairs(sum, Simd::Pairs(Simd::BroadcastQuad(at(i + 1)), w[i + 1]));
    });
    return Simd::AddChain(acc, sum);
  }

  const PanelTask& task_;  // no copies: loads of several words just stored take long
  const int32_t* inputs_;  // of the links from this one on:
  int64_t first_link_ = 0;
  const bool single_;  // one list
  int32_t found_[kMaxWholeLinks];
};

}  // namespace
}  // namespace qconv::kernels
