// The epilogue: int32 accumulators to u8 outputs, in registers.
//
// Layer: kernels, compiled once per ISA. The formula is that of "Numerics" in README.md. Where
// packing has proven that a single fused multiply-add gives the same bytes (pack/fuse.h says how),
// a vector of accumulators takes that; else the steps are done one by one, each float operation
// rounded on its own (-ffp-contract=off), so that all ISAs agree. Read next: width_512.inl.h for
// the narrowing.
#pragma once

#include <cstdint>
#include <cstring>
#include <xsimd/xsimd.hpp>

#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// Accumulators [row][vector], from vector `first` of the panel on, to bytes, for any legal layer.
// Not inlined: one for all tiles, at the price of a detour of the accumulators through memory.
template <class Simd>
__attribute__((noinline)) void RequantizeStepwise(const PanelEpilogue& e,
                                                  typename Simd::Width::Register* acc, int rows,
                                                  int vectors, int first, int64_t first_row) {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  using Int32 = typename Simd::Int32;
  using Float = typename Simd::Float;
  // The largest float below 2^31. The conversion turns anything outside int32 into INT32_MIN, which
  // is right for negative results; so only the upper side needs a clamp.
  const Float largest(2147483520.0f);
  const Int32 zero_point(Width::kFuses ? e.output_zero_point : 0);
  const Int32 least(e.lower - e.output_zero_point), most(e.upper - e.output_zero_point);
  for (int v = 0; v < vectors; ++v) {
    const int column = (first + v) * Width::kLanes;
    const auto base = Int32::load_unaligned(e.bases + column);
    const auto weight_zero_point = Int32::load_unaligned(e.weight_zero_points + column);
    const auto bias = Float::load_unaligned(e.bias + column);
    const auto multiplier = Float::load_unaligned(e.multipliers + column);
    for (int r = 0; r < rows; ++r) {
      auto& value = acc[r * vectors + v];
      Int32 sum = Int32(reinterpret_cast<Native>(value)) - base;
      if (e.row_terms != nullptr) sum -= weight_zero_point * Int32(e.row_terms[first_row + r]);
      const Float y = (xsimd::to_float(sum) + bias) * multiplier;
      const Int32 q = xsimd::nearbyint_as_int(xsimd::min(y, largest));
      value = reinterpret_cast<typename Width::Register>(
          static_cast<Native>(xsimd::min(xsimd::max(q, least), most) + zero_point));
    }
  }
}

// What it takes to turn the accumulators of a tile into output bytes.
template <class Simd, int nv>
class OutputTask {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  using Register = typename Width::Register;

 public:
  // Narrowing works on four vectors at a time, in two halves of two: those of so many pixels.
  static constexpr int kRows = kQuadRows[nv - 1];

  OutputTask(const PanelEpilogue& epilogue, int columns)
      : epilogue_(epilogue),
        slopes_(epilogue.slopes),
        intercepts_(epilogue.intercepts),
        narrowing_(epilogue),
        lower_(epilogue.lower),
        upper_(epilogue.upper),
        columns_(columns) {
    if constexpr (Width::kFuses) {
      static_assert(sizeof rare_ == sizeof epilogue.exception_counts && kMaxExceptions < 16);
      std::memcpy(&rare_, epilogue.exception_counts, sizeof rare_);
      rare_ &= 0x0f0f'0f0f;
    }
    if (upper_ < 255 || columns < nv * Width::kLanes) rare_ |= kRareStore;
    LookUpHere();
  }

  // To be called in loops, or what seldom is would be looked up ahead of them, and kept in memory.
  inline __attribute__((always_inline)) void LookUpHere() {
    uint32_t rare = rare_;
    HideInRegister(rare);
    rare_ = rare;
  }

  // Accumulators from vector `first` on to results, as the narrowing wants them.
  template <int m, int vectors>
  inline __attribute__((always_inline)) void Requantize(Register (&acc)[m][vectors], int first,
                                                        int64_t first_row) const {
    if (__builtin_expect(epilogue_.in_registers, true)) {
      RequantizeInRegisters(acc, first);
    } else {
      RequantizeInMemory(acc, first, first_row);
    }
  }

  // Vector by vector, so that each number of a column is loaded once for all rows. Inlined at any
  // price: a call would take the accumulators out of their registers, from the first product on.
  template <int m, int vectors>
  inline __attribute__((always_inline)) void RequantizeInRegisters(Register (&acc)[m][vectors],
                                                                   int first) const {
    Unroll<vectors>([&](auto v) __attribute__((always_inline)) {
      Register* rows[m];
      Unroll<m>([&](auto r) { rows[r] = &acc[r][v]; });
      if constexpr (!Width::kFuses) {
        Step(rows, first + v);
      } else if (__builtin_expect(MustStep(rows, first + v), false)) {
        StepInFloats(rows, first + v);
      } else {
        Fuse(rows, first + v);
      }
    });
  }

  template <int m, int vectors>
  inline __attribute__((always_inline)) void RequantizeInMemory(Register (&acc)[m][vectors],
                                                                int first,
                                                                int64_t first_row) const {
    Register values[m * vectors];
    Unroll<m>(
        [&](auto r) { Unroll<vectors>([&](auto v) { values[r * vectors + v] = acc[r][v]; }); });
    RequantizeStepwise<Simd>(epilogue_, values, m, vectors, first, first_row);
    Unroll<m>(
        [&](auto r) { Unroll<vectors>([&](auto v) { acc[r][v] = values[r * vectors + v]; }); });
  }

  inline __attribute__((always_inline)) Native Halve(Register v0, Register v1) const {
    return narrowing_.Halve(v0, v1);
  }

  // Stores the first `rows` pixels of a quad.
  template <int rows>
  inline __attribute__((always_inline)) void Store(Native low, Native high,
                                                   uint8_t* const* outputs) const {
    const auto bytes = Width::AtLeast(narrowing_.Join(low, high), lower_);
    if (__builtin_expect((rare_ & kRareStore) != 0, false)) {
      Width::template Store<nv, rows>(Width::AtMost(bytes, upper_), outputs, columns_);
    } else {
      Width::template Store<nv, rows>(bytes, outputs, nv * Width::kLanes);
    }
  }

  // A whole tile.
  template <int m>
  inline __attribute__((always_inline)) void Write(Register (&acc)[m][nv], uint8_t* output,
                                                   const Row* rows, int64_t first_row) const {
    Requantize(acc, /*first=*/0, first_row);
    Unroll<(m + kRows - 1) / kRows>([&](auto q) {
      constexpr int kFirst = q.kValue * kRows;
      constexpr int kValid = m - kFirst < kRows ? m - kFirst : kRows;
      Register quad[kMaxVectors];
      Unroll<kMaxVectors>([&](auto i) {
        constexpr int kRow = i.kValue / nv, kVector = i.kValue % nv;
        if constexpr (kRow < kValid) {
          quad[i] = acc[kFirst + kRow][kVector];
        } else {
          quad[i] = quad[0];
        }
      });
      uint8_t* outputs[kValid];
      Unroll<kValid>([&](auto i) { outputs[i] = output + rows[kFirst + i].output; });
      Store<kValid>(narrowing_.template HalveInTile<nv>(quad[0], quad[1]),
                    narrowing_.template HalveInTile<nv>(quad[2], quad[3]), outputs);
    });
  }

 private:
  static constexpr uint32_t kRareStore = 0x80;

  // Whether these accumulators of a vector cannot take a single step.
  template <int m>
  inline __attribute__((always_inline)) bool MustStep(Register* const (&acc)[m], int vector) const {
    if (__builtin_expect((rare_ & 0xfu << 8 * vector) == 0, true)) return false;
    const int count = epilogue_.exception_counts[vector];
    if (count == kNotFused) return true;
    // Several chains of comparisons, each of which waits for the one before. (One: a tile of 12x16
    // of 27 inputs took half as long again.)
    constexpr int kChains = m < 4 ? m : 4;
    typename Width::Matches matches[kChains];
    const int32_t* exceptions = epilogue_.exceptions + vector * kMaxExceptions * Width::kLanes;
    for (int i = 0; i < count; ++i, exceptions += Width::kLanes) {
      const auto exception = Width::LoadInts(exceptions);
      Unroll<m>([&](auto r) { matches[r % kChains].Compare(*acc[r], exception); });
    }
    bool any = false;
    Unroll<kChains>([&](auto c) { any |= matches[c].Any(); });
    return any;
  }

  template <int m>
  inline __attribute__((always_inline)) void Fuse(Register* const (&acc)[m], int vector) const {
    const int column = vector * Width::kLanes;
    auto slope = Width::LoadFloats(slopes_ + column);
    if constexpr (nv == 4) HideInVector(slope);  // loaded once
    const auto intercept = Width::LoadFloats(intercepts_ + column);
    Unroll<m>([&](auto r) {
      *acc[r] = Width::Bits(Width::MultiplyAdd(Width::AsFloats(*acc[r]), slope, intercept));
    });
  }

  template <int m>
  inline __attribute__((always_inline)) void Step(Register* const (&acc)[m], int vector) const {
    using Int32 = typename Simd::Int32;
    using Float = typename Simd::Float;
    const int column = vector * Width::kLanes;
    const auto bias = Float::load_unaligned(epilogue_.bias + column);
    const auto multiplier = Float::load_unaligned(epilogue_.multipliers + column);
    Unroll<m>([&](auto r) {
      const Float y =
          (xsimd::to_float(Int32(reinterpret_cast<Native>(*acc[r]))) + bias) * multiplier;
      *acc[r] = reinterpret_cast<Register>(static_cast<Native>(xsimd::nearbyint_as_int(y)));
    });
  }

  // The same where accumulators and results are integers in the low bits of floats.
  template <int m>
  inline __attribute__((always_inline)) void StepInFloats(Register* const (&acc)[m],
                                                          int vector) const {
    const int column = vector * Width::kLanes;
    const auto base = Width::AsFloats(Width::LoadInts(epilogue_.bases + column));
    const auto bias = Width::LoadFloats(epilogue_.bias + column);
    const auto multiplier = Width::LoadFloats(epilogue_.multipliers + column);
    // An even zero point changes no rounding, which is to even.
    const int32_t zero_point = epilogue_.output_zero_point, odd = zero_point % 2;
    const auto magic = Width::Broadcast(kResultZero + static_cast<float>(zero_point - odd));
    Unroll<m>([&](auto r) {
      const auto sum = Width::AsFloats(*acc[r]) - base;
      *acc[r] = Width::Bits((sum + bias) * multiplier + magic);
    });
    if (odd == 0) return;
    const auto one = Width::Broadcast(int32_t{1});
    Unroll<m>([&](auto r) { *acc[r] = Width::Add(*acc[r], one); });
  }

  const PanelEpilogue& epilogue_;
  // Copies: bytes that are stored could be anything.
  const float *slopes_, *intercepts_;
  typename Width::Narrowing narrowing_;
  uint8_t lower_, upper_;
  int columns_;
  // What seldom is, in one register: in byte v how many exceptions vector v has, or that it is not
  // fused at all (its low four bits); and kRareStore: an upper clamp, or columns to spare.
  uint32_t rare_ = 0;
};

}  // namespace
}  // namespace qconv::kernels
