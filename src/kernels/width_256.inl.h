// Width256: from four vectors of int32 results to bytes in memory, with 256-bit registers.
//
// Layer: kernels. Shared by the AVX2 ISAs. Twin of width_512.inl.h, which explains the order of
// columns; here panels have one or two vectors of eight channels, so that a quad is 4 or 2 rows, or
// four whose quads are rotated (group.inl.h).
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/pixels_256.inl.h"

namespace qconv::kernels {
namespace {

struct Width256 {
  using Native = __m256i;
  using Pixels = Pixels256;
  // Accumulators are vectors of int32, not of the intrinsics' int64: GCC 12 copies a register at
  // each change of element type inside a loop, and runs out of them.
  using Register = int32_t __attribute__((vector_size(32)));
  using Words = int16_t __attribute__((vector_size(32)));
  static constexpr int kLanes = 8;

  // These wrap, as accumulators may.
  static inline Register Add(Register a, Register b) {
    return reinterpret_cast<Register>(
        _mm256_add_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
  }
  static inline Register Subtract(Register a, Register b) {
    return reinterpret_cast<Register>(
        _mm256_sub_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
  }
  static inline Register Scale(Register a, int32_t b) {
    return reinterpret_cast<Register>(
        _mm256_mullo_epi32(reinterpret_cast<__m256i>(a), _mm256_set1_epi32(b)));
  }

  // 2 * kLanes bytes, widened.
  static inline Words LoadWords(const uint8_t* bytes) {
    return reinterpret_cast<Words>(
        _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))));
  }
  static inline void StoreWords(int16_t* words, Words x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), reinterpret_cast<__m256i>(x));
  }

  static inline void StoreInts(int32_t* numbers, Register x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(numbers), reinterpret_cast<__m256i>(x));
  }
  static inline Register LoadInts(const int32_t* numbers) {
    return reinterpret_cast<Register>(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers)));
  }

  // No single step: it would leave three ports no less to do (AVX-VNNI, 1x1 layers of 64 channels:
  // 0.92 of the speed).
  static constexpr bool kFuses = false;

  // From results without the zero point. int16 saturation cannot change the bytes: the zero point
  // is in 0..255 and the clamp to 0..255 follows.
  class Narrowing {
   public:
    explicit Narrowing(const PanelEpilogue& e)
        : zero_point_(_mm256_set1_epi16(e.output_zero_point)) {}

    inline __attribute__((always_inline)) __m256i Halve(Register v0, Register v1) const {
      return _mm256_adds_epi16(
          _mm256_packs_epi32(reinterpret_cast<__m256i>(v0), reinterpret_cast<__m256i>(v1)),
          zero_point_);
    }
    template <int /*nv*/>
    inline __attribute__((always_inline)) __m256i HalveInTile(Register v0, Register v1) const {
      return Halve(v0, v1);
    }
    inline __attribute__((always_inline)) __m256i Join(__m256i low, __m256i high) const {
      return _mm256_packus_epi16(low, high);
    }

   private:
    __m256i zero_point_;
  };
  static inline __m256i AtLeast(__m256i bytes, uint8_t bound) {
    return _mm256_max_epu8(bytes, _mm256_set1_epi8(static_cast<char>(bound)));
  }
  static inline __m256i AtMost(__m256i bytes, uint8_t bound) {
    return _mm256_min_epu8(bytes, _mm256_set1_epi8(static_cast<char>(bound)));
  }

  template <int nv, int rows>
  static inline __attribute__((always_inline)) void Store(__m256i bytes, uint8_t* const* outputs,
                                                          int columns) {
    if constexpr (nv == kRotatedVectors) {  // lanes have four columns each
      const __m256i order = _mm256_broadcastsi128_si256(
          _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
      bytes = _mm256_shuffle_epi8(bytes, order);
      StoreRow(outputs[0], bytes, columns);
    } else if constexpr (nv == 2) {  // even qwords are the first row, odd ones the second
      bytes = _mm256_permute4x64_epi64(bytes, 0b11'01'10'00);
      StoreRow(outputs[0], _mm256_castsi256_si128(bytes), columns);
      if constexpr (rows > 1) StoreRow(outputs[1], _mm256_extracti128_si256(bytes, 1), columns);
    } else {  // dword r of each lane is row r
      static_assert(nv == 1);
      bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
      const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
      if (columns == 8) [[likely]] {
        StoreLow(outputs[0], low);
        if constexpr (rows > 1) StoreHigh(outputs[1], low);
        if constexpr (rows > 2) StoreLow(outputs[2], high);
        if constexpr (rows > 3) StoreHigh(outputs[3], high);
        return;
      }
      StoreRow(outputs[0], low, columns);
      if constexpr (rows > 1) StoreRow(outputs[1], _mm_unpackhi_epi64(low, low), columns);
      if constexpr (rows > 2) StoreRow(outputs[2], high, columns);
      if constexpr (rows > 3) StoreRow(outputs[3], _mm_unpackhi_epi64(high, high), columns);
    }
  }

 private:
  static inline void StoreLow(uint8_t* output, __m128i bytes) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(output), bytes);
  }
  static inline void StoreHigh(uint8_t* output, __m128i bytes) {
    // _mm_storeh_pd, which wants an aligned address of those who take it at its word.
    using Unaligned = double __attribute__((aligned(1), may_alias));
    *reinterpret_cast<Unaligned*>(output) = _mm_castsi128_pd(bytes)[1];
  }
  static inline void StoreRow(uint8_t* output, __m128i bytes, int columns) {
    if (columns == 16) [[likely]] {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), bytes);
      return;
    }
    if (columns & 8) {
      StoreLow(output, bytes);
      output += 8;
      bytes = _mm_unpackhi_epi64(bytes, bytes);
    }
    if (columns & 4) {
      const int32_t dword = _mm_cvtsi128_si32(bytes);
      std::memcpy(output, &dword, 4);
      output += 4;
      bytes = _mm_srli_si128(bytes, 4);
    }
    const int32_t rest = _mm_cvtsi128_si32(bytes);
    if (columns & 2) {
      std::memcpy(output, &rest, 2);
      output += 2;
    }
    if (columns & 1) *output = static_cast<uint8_t>(columns & 2 ? rest >> 16 : rest);
  }
  static inline void StoreRow(uint8_t* output, __m256i bytes, int columns) {
    if (columns == 32) [[likely]] {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(output), bytes);
      return;
    }
    StoreRow(output, _mm256_castsi256_si128(bytes), columns < 16 ? columns : 16);
    if (columns > 16) StoreRow(output + 16, _mm256_extracti128_si256(bytes, 1), columns - 16);
  }
};

}  // namespace
}  // namespace qconv::kernels
