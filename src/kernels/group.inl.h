// Group kernels: layers with narrow groups, straight from the input.
//
// Layer: kernels, compiled once per ISA. In a narrow group a vector of output channels reads a few
// input channels only, so that for each dot product an input must be loaded (and shuffled to its
// lanes). Here this is done once for all taps of a kernel row and all pixels of a step:
//
//   columns   0  1  2  3  4  5      one kernel row and depth group, stride 1
//   pixel 0  [w0 w1 w2]
//   pixel 1     [w0 w1 w2]          4 pixels: 12 dot products of 6 inputs and 3 weights
//   pixel 2        [w0 w1 w2]
//   pixel 3           [w0 w1 w2]
//
// Where groups have as many outputs as inputs, four vectors share inputs that need no shuffles:
// with a pixel's channels as they lie, a lane has a quad of its group, and as many lanes as the
// group has quads compute as many outputs as it has, one in each vector. The other quads of the
// group come by rotating those of its lanes:
//
//   lane            0   1     2   3           groups of 8
//   depth group 0  [q0][q1]  [q0][q1] ...
//   depth group 1  [q1][q0]  [q1][q0] ...     weights are packed to match
//
// Read next: ../pack/group_feed.h for who fills a GroupTask.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// The four bytes of each lane, picked from 16 bytes of a pixel.
template <class Simd>
class ShuffledQuads {
 public:
  explicit ShuffledQuads(const GroupTask& task) : orders_(task.orders) {}

  // Goes to a depth group.
  inline __attribute__((always_inline)) void MoveTo(int64_t group) {
    order_ = Pixels::LoadOrder(orders_ + group * Simd::Width::kLanes * kDepthGroup);
  }
  inline __attribute__((always_inline)) auto Get(const uint8_t* pixel) const {
    return Simd::FromQuads(Pixels::ShuffleSixteen(pixel, order_));
  }

 private:
  using Pixels = typename Simd::Width::Pixels;
  const uint8_t* orders_;
  typename Pixels::Native order_;
};

// The same four for all lanes.
template <class Simd>
class BroadcastQuads {
 public:
  explicit BroadcastQuads(const GroupTask&) {}

  inline __attribute__((always_inline)) void MoveTo(int64_t group) {
    offset_ = group * kDepthGroup;
  }
  inline __attribute__((always_inline)) auto Get(const uint8_t* pixel) const {
    return Simd::Broadcast(pixel + offset_);
  }

 private:
  int64_t offset_ = 0;
};

// The quads of a pixel as they lie: depth group 0 of rotated ones.
template <class Simd>
class PlainQuads {
 public:
  inline __attribute__((always_inline)) void MoveTo(int64_t /*group*/) {}
  inline __attribute__((always_inline)) auto Get(const uint8_t* pixel) const {
    return Simd::FromQuads(Pixels::LoadQuads(pixel));
  }

 private:
  using Pixels = typename Simd::Width::Pixels;
};

// The other depth groups.
template <class Simd>
class RotatedQuads {
 public:
  explicit RotatedQuads(const GroupTask& task) : orders_(task.orders) {}

  inline __attribute__((always_inline)) void MoveTo(int64_t group) {
    order_ = orders_ + group * Simd::Width::kLanes * kDepthGroup;
  }
  inline __attribute__((always_inline)) auto Get(const uint8_t* pixel) const {
    return Simd::FromQuads(Pixels::ShuffleQuads(Pixels::LoadQuads(pixel), order_));
  }

 private:
  using Pixels = typename Simd::Width::Pixels;
  const uint8_t* orders_;
  const uint8_t* order_ = nullptr;
};

// Pixels of a step: as many as leave room in registers for their columns and, of 32, for three
// more. Simd::kRotatedPixels, by stride, are what measured fastest.
template <class Simd, int nv, int stride>
constexpr int GroupPixels() {
  if constexpr (nv == kRotatedVectors) return TileRows(Simd::kRotatedPixels[stride - 1]);
  int pixels = kMaxGroupPixels;
  while (pixels * nv + (pixels - 1) * stride + kGroupTaps > 29) --pixels;
  return TileRows(pixels);
}

// Adds the products of depth groups [first, last) of one kernel row.
template <class Simd, int stride, class Quads, int m, int nv>
inline __attribute__((always_inline)) void AddDepthGroups(
    const GroupTask& task, Quads quads, const uint8_t* const* columns, const std::byte* row_weights,
    int64_t first, int64_t last, typename Simd::Width::Register (&acc)[m][nv]) {
  constexpr int kColumns = (m - 1) * stride + kGroupTaps;
  constexpr int64_t kGroupWeightBytes = nv * Simd::kWeightVectorBytes;
  const int64_t tap_bytes = task.depth_groups * kGroupWeightBytes;
  // Rotated: not to keep the pixels of the depth group before, nor, at stride 1, of all depth
  // groups in registers that accumulators need. (7 % of the time of groups of 8.)
  constexpr bool kRotated = nv == kRotatedVectors;
  if constexpr (kRotated) HideInRegister(columns);
  for (int64_t group = first; group < last; ++group) {
    if constexpr (kRotated && stride == 1) HideInRegister(columns);
    quads.MoveTo(group);
    decltype(quads.Get(nullptr)) x[kColumns];
    Unroll<kColumns>([&](auto i) { x[i] = quads.Get(columns[i] + task.channel); });
    const std::byte* weights = row_weights + group * kGroupWeightBytes;
    Unroll<kGroupTaps>([&](auto t) {
      Unroll<nv>([&](auto v) {
        const auto w = Simd::LoadWeights(weights + t * tap_bytes + v * Simd::kWeightVectorBytes);
        Unroll<m>([&](auto r) { acc[r][v] = DotInOrder<Simd>(acc[r][v], x[r * stride + t], w); });
      });
    });
  }
}

// `m` neighbours in a row; columns[0] is the first that they need.
template <class Simd, template <class> class QuadsOf, int nv, int stride, int m>
__attribute__((flatten)) void GroupStep(const GroupTask& task, const uint8_t* const* columns,
                                        uint8_t* output) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  Register acc[m][nv];
  Unroll<nv>([&](auto v) {
    const Register offset = Width::LoadInts(task.epilogue->offsets + v * Width::kLanes);
    Unroll<m>([&](auto r) { acc[r][v] = offset; });
  });
  const QuadsOf<Simd> quads(task);
  const std::byte* weights = task.weights;
  for (int64_t row = 0; row < task.kernel_rows; ++row) {
    constexpr int kPlain = nv == kRotatedVectors ? 1 : 0;
    if constexpr (kPlain > 0) {
      AddDepthGroups<Simd, stride>(task, PlainQuads<Simd>(), columns, weights, 0, kPlain, acc);
    }
    AddDepthGroups<Simd, stride>(task, quads, columns, weights, kPlain, task.depth_groups, acc);
    columns += task.column_count;
    weights += kGroupTaps * task.depth_groups * nv * Simd::kWeightVectorBytes;
  }
  Row rows[m];
  Unroll<m>([&](auto r) { rows[r] = {0, r * task.output_step}; });
  OutputTask<Simd, nv>(*task.epilogue, task.valid_columns)
      .template Write<m>(acc, output, rows, /*first_row=*/0);
}

// Cuts each row into steps.
template <class Simd, template <class> class QuadsOf, int nv, int stride>
void RunGroups(const GroupTask& task) {
  constexpr int kMost = GroupPixels<Simd, nv, stride>();
  const EvenTiles steps(task.count, kMost);
  const uint8_t* const* columns = task.columns;
  for (int64_t row = 0; row < task.rows; ++row) {
    int64_t at = 0;
    for (int64_t step = 0; step < steps.count; ++step) {
      WithConstant<kMost>(steps.HeightOf(step), [&](auto m) {
        GroupStep<Simd, QuadsOf, nv, stride, m.kValue>(
            task, columns + at * stride,
            task.output + row * task.output_row_step + at * task.output_step);
      });
      at += steps.HeightOf(step);
    }
    columns += task.kernel_rows * task.column_count;
  }
}

template <class Simd, int nv, int stride>
void Groups(const GroupTask& task) {
  if constexpr (nv == kRotatedVectors) {
    RunGroups<Simd, RotatedQuads, nv, stride>(task);
  } else if (nv == 1 && (stride >= kGroupTaps || task.orders != nullptr)) {
    RunGroups<Simd, ShuffledQuads, 1, stride>(task);
  } else {
    RunGroups<Simd, BroadcastQuads, nv, stride>(task);
  }
}

}  // namespace
}  // namespace qconv::kernels
