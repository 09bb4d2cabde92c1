// Width512: from four vectors of int32 results to bytes in memory, with 512-bit registers.
//
// Layer: kernels. Shared by the AVX-512 ISAs. width_256.inl.h is its twin.
//
// Four vectors are narrowed at a time: Join(Halve(v0, v1), Halve(v2, v3)). That works within
// 128-bit lanes: lane L of the result holds the four bytes of lane L of v0, of v1, v2 and v3.
// Panels have their columns in an order that undoes this (pack/columns.h), so that for nv = 4 no
// permutation beyond those lanes is needed.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/pixels_512.inl.h"

namespace qconv::kernels {
namespace {

struct Width512 {
  using Native = __m512i;
  using Pixels = Pixels512;
  // Accumulators are vectors of int32, not of the intrinsics' int64: GCC 12 copies a register at
  // each change of element type inside a loop, and runs out of them.
  using Register = int32_t __attribute__((vector_size(64)));
  using Words = int16_t __attribute__((vector_size(64)));
  static constexpr int kLanes = 16;

  // These wrap, as accumulators may.
  static inline Register Add(Register a, Register b) {
    return reinterpret_cast<Register>(
        _mm512_add_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
  }
  static inline Register Subtract(Register a, Register b) {
    return reinterpret_cast<Register>(
        _mm512_sub_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
  }
  static inline Register Scale(Register a, int32_t b) {
    return reinterpret_cast<Register>(
        _mm512_mullo_epi32(reinterpret_cast<__m512i>(a), _mm512_set1_epi32(b)));
  }

  // 2 * kLanes bytes, widened.
  static inline Words LoadWords(const uint8_t* bytes) {
    return reinterpret_cast<Words>(
        _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
  }
  static inline void StoreWords(int16_t* words, Words x) {
    _mm512_storeu_si512(words, reinterpret_cast<__m512i>(x));
  }

  static inline __m512 LoadFloats(const float* numbers) { return _mm512_loadu_ps(numbers); }
  static inline void StoreInts(int32_t* numbers, Register x) {
    _mm512_storeu_si512(numbers, reinterpret_cast<__m512i>(x));
  }
  static inline Register LoadInts(const int32_t* numbers) {
    return reinterpret_cast<Register>(_mm512_loadu_si512(numbers));
  }

  static inline Register Broadcast(int32_t number) {
    return reinterpret_cast<Register>(_mm512_set1_epi32(number));
  }
  static inline __m512 Broadcast(float number) { return _mm512_set1_ps(number); }
  static inline __m512 AsFloats(Register bits) { return reinterpret_cast<__m512>(bits); }
  static inline Register Bits(__m512 floats) { return reinterpret_cast<Register>(floats); }
  // Rounded once.
  static inline __m512 MultiplyAdd(__m512 a, __m512 b, __m512 c) {
    return _mm512_fmadd_ps(a, b, c);
  }

  // Whether any of some comparisons found two equal numbers.
  class Matches {
   public:
    inline __attribute__((always_inline)) void Compare(Register a, Register b) {
      different_ = _mm512_mask_cmpneq_epi32_mask(different_, reinterpret_cast<__m512i>(a),
                                                 reinterpret_cast<__m512i>(b));
    }
    bool Any() const { return different_ != 0xffff; }

   private:
    __mmask16 different_ = 0xffff;
  };

  // Whether results may take a single step (PanelEpilogue).
  static constexpr bool kFuses = true;

  // From results whose low 16 bits count.
  class Narrowing {
   public:
    explicit Narrowing(const PanelEpilogue& e) : byte_order_(_mm512_loadu_si512(e.byte_order)) {}

    // The low halves of the lanes of v0 and v1, in turns: v0[0], v1[0], v0[1], ...
    inline __attribute__((always_inline)) __m512i Halve(Register v0, Register v1) const {
      const __m512i low_to_high =
          _mm512_set4_epi32(0x0d0c'0000, 0x0908'0000, 0x0504'0000, 0x0100'0000);
      return _mm512_mask_shuffle_epi8(reinterpret_cast<__m512i>(v0), 0xcccc'cccc'cccc'cccc,
                                      reinterpret_cast<__m512i>(v1), low_to_high);
    }
    // The same for a tile of nv vectors. If these are several, two instructions take less time than
    // the one: tiles of 6x64 40 cycles beside their products instead of 50 (Zen 4; 1x1, 16 -> 96
    // channels: 2 % less time; 3x3, 3 -> 32: 3 %). Sliding kernels would take 2 to 5 % more.
    template <int nv>
    inline __attribute__((always_inline)) __m512i HalveInTile(Register v0, Register v1) const {
      if constexpr (nv == 1) return Halve(v0, v1);
      return _mm512_mask_mov_epi16(reinterpret_cast<__m512i>(v0), 0xaaaa'aaaa,
                                   _mm512_slli_epi32(reinterpret_cast<__m512i>(v1), 16));
    }
    // To bytes, in the order of columns.
    inline __attribute__((always_inline)) __m512i Join(__m512i low, __m512i high) const {
      return _mm512_shuffle_epi8(_mm512_packus_epi16(low, high), byte_order_);
    }

   private:
    __m512i byte_order_;
  };
  static inline __m512i AtLeast(__m512i bytes, uint8_t bound) {
    return _mm512_max_epu8(bytes, _mm512_set1_epi8(static_cast<char>(bound)));
  }
  static inline __m512i AtMost(__m512i bytes, uint8_t bound) {
    return _mm512_min_epu8(bytes, _mm512_set1_epi8(static_cast<char>(bound)));
  }

  // Stores the first `rows` rows of a quad, `columns` bytes each.
  template <int nv, int rows>
  static inline __attribute__((always_inline)) void Store(__m512i bytes, uint8_t* const* outputs,
                                                          int columns) {
    if constexpr (nv == 4) {
      StoreRow(outputs[0], bytes, columns);
    } else if constexpr (nv == 3) {  // the last dword of each lane is unused
      const __m512i order = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
      bytes = _mm512_permutexvar_epi32(order, bytes);
      if (columns == 48) [[likely]] {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(outputs[0]), _mm512_castsi512_si256(bytes));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(outputs[0] + 32),
                         _mm512_extracti32x4_epi32(bytes, 2));
      } else {
        StoreRow(outputs[0], bytes, columns);
      }
    } else {
      if constexpr (nv == 2) {  // even qwords are the first row, odd ones the second
        bytes = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), bytes);
      } else {  // dword r of each lane is row r
        const __m512i order =
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        bytes = _mm512_permutexvar_epi32(order, bytes);
      }
      // Rows follow each other in memory, at least `columns` bytes apart: these are one run if the
      // last one is. (3x3, 3 -> 16 channels: 5 % less time; 3 -> 32: 2 %.)
      if constexpr (rows == kQuadRows[nv - 1]) {
        constexpr int kColumns = nv * kLanes;
        if (columns == kColumns && outputs[rows - 1] - outputs[0] == (rows - 1) * kColumns) {
          _mm512_storeu_si512(outputs[0], bytes);
          return;
        }
      }
      if constexpr (nv == 2) {
        StoreRow(outputs[0], _mm512_castsi512_si256(bytes), columns);
        if constexpr (rows > 1) StoreRow(outputs[1], _mm512_extracti64x4_epi64(bytes, 1), columns);
      } else {
        StoreRow(outputs[0], _mm512_castsi512_si128(bytes), columns);
        if constexpr (rows > 1) StoreRow(outputs[1], _mm512_extracti32x4_epi32(bytes, 1), columns);
        if constexpr (rows > 2) StoreRow(outputs[2], _mm512_extracti32x4_epi32(bytes, 2), columns);
        if constexpr (rows > 3) StoreRow(outputs[3], _mm512_extracti32x4_epi32(bytes, 3), columns);
      }
    }
  }

 private:
  // Byte-masked stores are slow on some CPUs (Zen 4), so full rows avoid them.
  static inline void StoreRow(uint8_t* output, __m512i bytes, int columns) {
    if (columns == 64) [[likely]] {
      _mm512_storeu_si512(output, bytes);
    } else {
      _mm512_mask_storeu_epi8(output, (uint64_t{1} << columns) - 1, bytes);
    }
  }
  static inline void StoreRow(uint8_t* output, __m256i bytes, int columns) {
    if (columns == 32) [[likely]] {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(output), bytes);
    } else {
      _mm256_mask_storeu_epi8(output, static_cast<__mmask32>((uint64_t{1} << columns) - 1), bytes);
    }
  }
  static inline void StoreRow(uint8_t* output, __m128i bytes, int columns) {
    if (columns == 16) [[likely]] {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), bytes);
    } else {
      _mm_mask_storeu_epi8(output, static_cast<__mmask16>((1u << columns) - 1), bytes);
    }
  }
};

}  // namespace
}  // namespace qconv::kernels
