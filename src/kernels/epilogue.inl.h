// The epilogue: int32 accumulators to u8 outputs, in registers.
//
// Layer: kernels, compiled once per ISA. The formula is NUMERICS in README.md; every float
// operation is rounded on its own (-ffp-contract=off, no fused multiply-add), so that all ISAs
// agree.
//
// An Epilogue turns a vector of accumulators into rounded int32 results, before the output zero
// point is added. To add one: write such a class, add a kernel for it to PanelShape, LaneKernels,
// SlideKernels, GroupKernels and WinogradKernels (kernel_table.h), to table.inl.h and
// isa_scalar.cpp, decide when it is needed in ../pack/fold.cpp and call it in ../run.cpp,
// ../in_place.cpp and ../winograd.cpp. Read next: width_512.inl.h for the narrowing.
#pragma once

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// The bias and multipliers of a panel.
template <class Simd>
class Scaling {
 public:
  using Float = typename Simd::Float;

  explicit Scaling(const PanelEpilogue& e) : bias_(e.bias), multipliers_(e.multipliers) {}

  // (float(acc) + bias) * multiplier
  inline __attribute__((always_inline)) Float Apply(typename Simd::Int32 acc, int v) const {
    const int column = v * Simd::Width::kLanes;
    return (xsimd::to_float(acc) + Float::load_unaligned(bias_ + column)) *
           Float::load_unaligned(multipliers_ + column);
  }

 private:
  const float *bias_, *multipliers_;
};

// RNE((float(acc) + bias) * multiplier), when it is known to stay below 2^31. Outputs have no upper
// bound but 255.
template <class Simd, int nv>
class SymmetricEpilogue {
 public:
  static constexpr bool kHasUpperBound = false;

  explicit SymmetricEpilogue(const PanelEpilogue& e) : scaling_(e) {}

  inline __attribute__((always_inline)) typename Simd::Int32 Requantize(typename Simd::Int32 acc,
                                                                        int v,
                                                                        int64_t /*row*/) const {
    return xsimd::nearbyint_as_int(scaling_.Apply(acc, v));
  }

 private:
  Scaling<Simd> scaling_;
};

// The same for any legal layer: weight zero points are applied through the row terms, and results
// that leave int32 saturate. (The conversion turns anything outside int32 into INT32_MIN, which is
// right for negative results; so only the upper side needs a clamp.)
template <class Simd, int nv>
class GeneralEpilogue {
 public:
  static constexpr bool kHasUpperBound = true;

  explicit GeneralEpilogue(const PanelEpilogue& e)
      : scaling_(e), weight_zero_points_(e.weight_zero_points), row_terms_(e.row_terms) {}

  inline __attribute__((always_inline)) typename Simd::Int32 Requantize(typename Simd::Int32 acc,
                                                                        int v, int64_t row) const {
    using Int32 = typename Simd::Int32;
    constexpr float kLargestInt32 = 2147483520.0f;  // the largest float below 2^31
    const Int32 zero_point = Int32::load_unaligned(weight_zero_points_ + v * Simd::Width::kLanes);
    const auto y = scaling_.Apply(acc - zero_point * Int32(row_terms_[row]), v);
    return xsimd::nearbyint_as_int(xsimd::min(y, typename Simd::Float(kLargestInt32)));
  }

 private:
  Scaling<Simd> scaling_;
  const int32_t* weight_zero_points_;
  const int32_t* row_terms_;
};

// What it takes to turn the accumulators of a tile into output bytes.
template <class Simd, template <class, int> class Epilogue, int nv>
class OutputTask {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  using Register = typename Width::Register;

 public:
  // Narrowing works on four vectors at a time, in two halves of two. They are the vectors of so
  // many pixels (nv = 3: of one, the last one unused).
  static constexpr int kQuadRows = Width::template RowsPerQuad<nv>();

  OutputTask(const PanelEpilogue& epilogue, int columns)
      : epilogue_(epilogue),
        zero_point_(epilogue.output_zero_point),
        lower_(epilogue.lower),
        upper_(epilogue.upper),
        columns_(columns) {}

  // Results of vector v, without the zero point.
  inline __attribute__((always_inline)) Native Requantize(Register acc, int v, int64_t row) const {
    return epilogue_.Requantize(reinterpret_cast<Native>(acc), v, row);
  }

  inline __attribute__((always_inline)) Native Halve(Native v0, Native v1) const {
    return Width::Halve(v0, v1, zero_point_);
  }

  // Stores the first `rows` pixels of a quad.
  template <int rows>
  inline __attribute__((always_inline)) void Store(Native low, Native high,
                                                   uint8_t* const* outputs) const {
    auto bytes = Width::AtLeast(Width::Join(low, high), lower_);
    if constexpr (Epilogue<Simd, nv>::kHasUpperBound) bytes = Width::AtMost(bytes, upper_);
    Width::template Store<nv, rows>(bytes, outputs, columns_);
  }

  // A whole tile. Requantizes vector by vector, so that each bias and multiplier is loaded once for
  // all rows.
  template <int m>
  inline __attribute__((always_inline)) void Write(Register (&acc)[m][nv], uint8_t* output,
                                                   const Row* rows, int64_t first_row) const {
    Unroll<nv>([&](auto v) {
      Unroll<m>([&](auto r) {
        acc[r][v] = reinterpret_cast<Register>(Requantize(acc[r][v], v, first_row + r));
      });
    });
    Unroll<(m + kQuadRows - 1) / kQuadRows>([&](auto q) {
      constexpr int kFirst = q.kValue * kQuadRows;
      constexpr int kValid = m - kFirst < kQuadRows ? m - kFirst : kQuadRows;
      Native quad[kMaxVectors];
      Unroll<kMaxVectors>([&](auto i) {
        constexpr int kRow = i.kValue / nv, kVector = i.kValue % nv;
        if constexpr (kRow < kValid) {
          quad[i] = reinterpret_cast<Native>(acc[kFirst + kRow][kVector]);
        } else {
          quad[i] = quad[0];
        }
      });
      uint8_t* outputs[kValid];
      Unroll<kValid>([&](auto i) { outputs[i] = output + rows[kFirst + i].output; });
      Store<kValid>(Halve(quad[0], quad[1]), Halve(quad[2], quad[3]), outputs);
    });
  }

 private:
  Epilogue<Simd, nv> epilogue_;
  int16_t zero_point_;
  uint8_t lower_, upper_;
  int columns_;
};

}  // namespace
}  // namespace qconv::kernels
