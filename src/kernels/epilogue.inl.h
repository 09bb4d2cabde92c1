// The epilogue: int32 accumulators to u8 outputs, in registers.
//
// Layer: kernels, compiled once per ISA. The formula is NUMERICS in README.md; every float operation
// is rounded on its own (-ffp-contract=off, no fused multiply-add), so that all ISAs agree.
//
// An Epilogue turns one vector of accumulators into rounded int32 results before the output zero
// point. To add one: write such a struct, add a PanelKernel for it to PanelShape (kernel_table.h) and
// to table.inl.h, and choose it in ../layer.cpp.
// Read next: width_512.inl.h for the narrowing.
#pragma once

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// RNE((float(acc) + bias) * multiplier), when it is known to stay below 2^31.
template <class Simd>
struct SymmetricEpilogue {
  using Int32 = typename Simd::Int32;
  using Float = typename Simd::Float;

  static inline __attribute__((always_inline)) Int32 Requantize(Int32 acc, const PanelEpilogue& e,
                                                                int column, int64_t /*row*/) {
    const Float bias = Float::load_unaligned(e.bias + column);
    const Float multiplier = Float::load_unaligned(e.multipliers + column);
    return xsimd::nearbyint_as_int((xsimd::to_float(acc) + bias) * multiplier);
  }
};

// The same for any legal layer: weight zero points are applied through the row terms, and results
// that leave int32 saturate. (The conversion turns anything outside int32 into INT32_MIN, which is
// right for negative results; so only the upper side needs a clamp.)
template <class Simd>
struct GeneralEpilogue {
  using Int32 = typename Simd::Int32;
  using Float = typename Simd::Float;

  static inline __attribute__((always_inline)) Int32 Requantize(Int32 acc, const PanelEpilogue& e,
                                                                int column, int64_t row) {
    constexpr float kLargestInt32 = 2147483520.0f;  // the largest float below 2^31
    const Int32 zero_point = Int32::load_unaligned(e.weight_zero_points + column);
    acc = acc - zero_point * Int32(e.row_terms[row]);
    const Float bias = Float::load_unaligned(e.bias + column);
    const Float multiplier = Float::load_unaligned(e.multipliers + column);
    const Float y = (xsimd::to_float(acc) + bias) * multiplier;
    return xsimd::nearbyint_as_int(xsimd::min(y, Float(kLargestInt32)));
  }
};

// Narrowing works on four vectors at a time, which are the vectors of 4 / nv rows (nv = 3: of one
// row, the last one unused).
template <class Simd, class Epilogue, int m, int nv>
inline __attribute__((always_inline)) void RequantizeTile(typename Simd::Width::Register (&acc)[m][nv],
                                                          const PanelTask& task,
                                                          int64_t first_row) {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  constexpr int kRows = Width::template RowsPerQuad<nv>();
  const PanelEpilogue& e = task.epilogue;
  const Row* rows = task.rows + first_row;
  const typename Width::OutputClamp clamp(e.output_zero_point, e.lower, e.upper);
  Unroll<(m + kRows - 1) / kRows>([&](auto q) {
    constexpr int kFirst = q.kValue * kRows;
    constexpr int kValid = m - kFirst < kRows ? m - kFirst : kRows;
    Native quad[kMaxVectors];
    Unroll<kMaxVectors>([&](auto i) {
      constexpr int kRow = i.kValue / nv, kVector = i.kValue % nv;
      if constexpr (kRow < kValid) {
        quad[i] = Epilogue::Requantize(reinterpret_cast<Native>(acc[kFirst + kRow][kVector]), e, kVector * Width::kLanes,
                                       first_row + kFirst + kRow);
      } else {
        quad[i] = quad[0];
      }
    });
    const auto bytes = Width::Narrow(quad[0], quad[1], quad[2], quad[3], clamp);
    uint8_t* outputs[kValid];
    Unroll<kValid>([&](auto i) { outputs[i] = rows[kFirst + i].output + task.column_begin; });
    Width::template Store<nv, kValid>(bytes, outputs, task.columns);
  });
}

}  // namespace
}  // namespace qconv::kernels
