// PixelInput: the inner loops of dense layers. Four bytes of a pixel are a depth group, broadcast
// to all lanes: every output channel multiplies them.
//
// Layer: kernels, compiled once per ISA. An Input of gemm_tile.inl.h. Read next: lane_input.inl.h,
// its twin.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/row_pointers.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kRowPointers = 8;  // of a tile, in general registers

// The depth groups of all taps in one list, for kernels of many shallow taps: the nest of loops
// over taps costs 3x3 windows of 3 channels (3 taps of 3 groups) a fifth of their time.
class GroupList {
 public:
  struct Group {
    int64_t input;  // bytes from the row
    const std::byte* weights;
  };

  GroupList(const PanelTask& task, int64_t group_bytes) {
    if (task.group_inputs != nullptr) {
      for (int64_t g = 0; g < task.group_count; ++g) {
        AddTap(task.group_inputs[g], task.weights + g * group_bytes, 1, group_bytes);
      }
      return;
    }
    const TapLoop &d = task.taps[0], &h = task.taps[1], &w = task.taps[2];
    const int64_t taps = d.count * h.count * w.count;
    if (taps == 1 || task.depth_groups > kMostPerTap || taps * task.depth_groups > kMost) return;
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        for (int64_t l = 0; l < w.count; ++l) {
          AddTap(i * d.input_stride + j * h.input_stride + l * w.input_stride,
                 task.weights + i * d.weight_stride + j * h.weight_stride + l * w.weight_stride,
                 task.depth_groups, group_bytes);
        }
      }
    }
  }

  const Group* begin() const { return groups_; }
  const Group* end() const { return groups_ + count_; }  // an empty list: too many groups for one

 private:
  static constexpr int64_t kMostPerTap = 8, kMost = kMaxListedGroups;

  void AddTap(int64_t input, const std::byte* weights, int64_t groups, int64_t group_bytes) {
    for (int64_t g = 0; g < groups; ++g) {
      groups_[count_++] = {input, weights};
      input += kDepthGroup;
      weights += group_bytes;
    }
  }

  Group groups_[kMost];
  int64_t count_ = 0;
};

template <class Simd, int nv>
class PixelInput {
 public:
  static constexpr int kTileRows = TileRows(Simd::kTileRows[nv - 1]);
  static constexpr int kEvenTileRows = TileRows(Simd::kEvenTileRows[nv - 1]);
  static constexpr int kInFlight = 10;

  explicit PixelInput(const PanelTask& task) : task_(task), groups_(task, kGroupWeightBytes) {}

  // All taps of the rows at `a`; acc[0] has the offsets already.
  template <int sums, int m, class Rows>
  inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[sums][m][nv], Rows& a) const {
    const TapLoop &d = task_.taps[0], &h = task_.taps[1], &w = task_.taps[2];
    const int64_t depth = task_.depth_groups * kDepthGroup;
    if (groups_.begin() != groups_.end()) {
#pragma GCC unroll 1
      for (const GroupList::Group& group : groups_) {
        AccumulateGroup(acc[0], a, group.input, group.weights);
      }
      return;
    }
    // Shallow pointwise layers are short of instruction slots, not of arithmetic: without the loops
    // a 12x16 tile of depth 16 takes 15 % less time.
    if (d.count == 1 && h.count == 1 && w.count == 1) {
      return AccumulateTap(acc, a, 0, depth, task_.weights);
    }
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        int64_t k = i * d.input_stride + j * h.input_stride;
        const std::byte* weights = task_.weights + i * d.weight_stride + j * h.weight_stride;
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
  template <int sums, int m, class Rows>
  static inline __attribute__((always_inline)) void AccumulateTap(
      typename Simd::Width::Register (&acc)[sums][m][nv], Rows& a, int64_t k, int64_t end,
      const std::byte* weights) {
    if constexpr (sums > 1) {
      for (; k + sums * kDepthGroup <= end; k += sums * kDepthGroup) {
        Unroll<sums>([&](auto c) {
          AccumulateGroup(acc[c], a, k + c * kDepthGroup, weights + c * kGroupWeightBytes);
        });
        weights += sums * kGroupWeightBytes;
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

  // One depth group: acc[r][v] += the four bytes of row r at `k` times the weights of vector v.
  template <int m>
  static inline __attribute__((always_inline)) void AccumulateGroup(
      typename Simd::Width::Register (&acc)[m][nv], ScatteredRows<m>& rows, int64_t k,
      const std::byte* weights) {
    // Not all pointers fit the general registers. GCC would keep the others in vector registers,
    // and get them back with instructions that take the place of dot products; these stay in
    // memory.
    constexpr int kInMemory = m > kRowPointers ? m - kRowPointers : 0;
    Unroll<kInMemory>([&](auto r) { HideInMemory(rows.at[kRowPointers + r]); });
    typename Simd::Weights b[nv];
    Unroll<nv>([&](auto v) { b[v] = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes); });
    Unroll<m>([&](auto r) {
      const typename Simd::Activations x = Simd::Broadcast(rows.at[r] + k);
      Unroll<nv>([&](auto v) { acc[r][v] = Simd::Dot(acc[r][v], x, b[v]); });
    });
  }

  template <int m>
  static inline __attribute__((always_inline)) void AccumulateGroup(
      typename Simd::Width::Register (&acc)[m][nv], EvenRows<m>& rows, int64_t k,
      const std::byte* weights) {
    typename Simd::Weights b[nv];
    Unroll<nv>([&](auto v) __attribute__((always_inline)) {
      b[v] = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes);
    });
    const uint8_t* a = rows.first + k;
    HideInRegister(a);
    rows.Hide();
    Unroll<m>([&](auto r) __attribute__((always_inline)) {
      if constexpr (EvenRows<m>::template kMovesOn<r.kValue>) {
        a += rows.Stride();
        HideInRegister(a);
      }
      const typename Simd::Activations x = Simd::Broadcast(a + rows.template Place<r.kValue>());
      Unroll<nv>([&](auto v)
                     __attribute__((always_inline)) { acc[r][v] = Simd::Dot(acc[r][v], x, b[v]); });
    });
  }

  const PanelTask& task_;
  GroupList groups_;
};

}  // namespace
}  // namespace qconv::kernels
