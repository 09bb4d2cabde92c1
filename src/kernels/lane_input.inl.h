// LaneInput: the inner loop of layers whose output channels read inputs of their own. A depth group
// is four bytes for each lane, as spread.inl.h has left them.
//
// Layer: kernels, compiled once per ISA. An Input of gemm_tile.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/row_pointers.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

template <class Simd, int nv>
class LaneInput {
 public:
  static constexpr int kTileRows = TileRows(Simd::kLaneTileRows[nv - 1]);
  static constexpr int kEvenTileRows = 0;
  static constexpr int kInFlight = 10;

  explicit LaneInput(const PanelTask& task)
      : groups_(task.group_inputs), end_(groups_ + task.group_count), weights_(task.weights) {}

  // All depth groups of the rows at `a`; acc[0] has the offsets already. The groups come as a list
  // of places: nested loops over taps of a single group each took 1.6 times as long for 3x3.
  template <int sums, int m>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], ScatteredRows<m>& rows) const {
    const uint8_t*(&a)[m] = rows.at;
    const int64_t* k = groups_;
    const std::byte* weights = weights_;
    if constexpr (sums > 1) {
      for (; k + sums <= end_; k += sums) {
        Unroll<sums>(
            [&](auto c) { AccumulateGroup(acc[c], a, k[c], weights + c * kGroupWeightBytes); });
        weights += sums * kGroupWeightBytes;
      }
    }
    for (; k < end_; ++k) {
      AccumulateGroup(acc[0], a, *k, weights);
      weights += kGroupWeightBytes;
    }
  }

 private:
  static constexpr int64_t kGroupWeightBytes = nv * Simd::kWeightVectorBytes;

  // One depth group: acc[r][v] += the quads of row r and vector v times the weights of vector v.
  template <int m>
  static inline __attribute__((always_inline)) void AccumulateGroup(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
      const std::byte* weights) {
    Unroll<nv>([&](auto v) {
      const auto b = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes);
      Unroll<m>([&](auto r) {
        const auto x = Simd::LoadSpread(a[r] + k + v * Simd::kSpreadVectorBytes);
        acc[r][v] = Simd::Dot(acc[r][v], x, b);
      });
    });
  }

  const int64_t *groups_, *end_;
  const std::byte* weights_;
};

}  // namespace
}  // namespace qconv::kernels
