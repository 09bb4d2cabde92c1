// Pixels256: from the channels of pixels to a quad of bytes per lane, with 256-bit registers.
//
// Layer: kernels. Shared by the AVX2 ISAs. Twin of pixels_512.inl.h, which explains the order of
// lanes; here panels have at most two vectors of eight channels, but for rotated ones
// (group.inl.h), which interleave nothing.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

struct Pixels256 {
  using Native = __m256i;

  // As many channels of a pixel as `nv` vectors have lanes; with nv = 1 the upper half is idle.
  template <int nv>
  static inline __m128i Load(const uint8_t* pixel) {
    static_assert(nv == 1 || nv == 2);
    if constexpr (nv == 2) return Load16(pixel);
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel));
  }

  // The same, channels taken by one shuffle.
  template <int nv>
  static inline __m128i Shuffle(const uint8_t* pixel, LaneShuffles shuffles) {
    return _mm_shuffle_epi8(Load16(pixel + shuffles.offsets[0]), Load16(shuffles.orders));
  }

  // 128-bit lane L: 16 bytes of the pixel from offset L on.
  static inline __m256i Gather(const uint8_t* pixel, const int64_t* offsets) {
    return Join(Load16(pixel + offsets[0]), Load16(pixel + offsets[1]));
  }

  // 128-bit lane L: the bytes of the pixel from 4 * nv * L on, 4 * nv of them at least.
  template <int nv>
  static inline __m256i LoadNear(const uint8_t* pixel) {
    const __m256i bytes = _mm256_castsi128_si256(Load<nv>(pixel));
    if constexpr (nv == 2) return _mm256_permute4x64_epi64(bytes, 0b01'01'00'00);
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
  }

  // A pixel's channels as they lie, a quad for each lane.
  static inline Native LoadQuads(const uint8_t* pixel) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel));
  }

  // The quads of one vector, taken by two shuffles.
  static inline Native ShuffleQuads(__m256i bytes, const uint8_t* orders) {
    return _mm256_shuffle_epi8(bytes, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(orders)));
  }

  // Four bytes per lane, each one of 16 of the pixel.
  static inline Native LoadOrder(const uint8_t* order) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(order));
  }
  static inline Native ShuffleSixteen(const uint8_t* pixel, Native order) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(Load16(pixel)), order);
  }

  // Lane of channel c: bytes c of the four pixels.
  template <int nv>
  static inline void Interleave(__m128i p0, __m128i p1, __m128i p2, __m128i p3,
                                Native (&quads)[nv]) {
    if constexpr (nv == 2) {
      const __m256i p01 = Pairs(p0, p1), p23 = Pairs(p2, p3);
      quads[0] = _mm256_unpacklo_epi16(p01, p23);
      quads[1] = _mm256_unpackhi_epi16(p01, p23);
    } else {
      const __m128i p01 = _mm_unpacklo_epi8(p0, p1), p23 = _mm_unpacklo_epi8(p2, p3);
      quads[0] = Join(_mm_unpacklo_epi16(p01, p23), _mm_unpackhi_epi16(p01, p23));
    }
  }

 private:
  static inline __m128i Load16(const uint8_t* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  }
  static inline __m256i Join(__m128i low, __m128i high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  // The bytes of two pixels as pairs; 128-bit lane L holds those of channels 8 * L on.
  static inline __m256i Pairs(__m128i a, __m128i b) {
    return _mm256_or_si256(_mm256_cvtepu8_epi16(a), _mm256_slli_epi16(_mm256_cvtepu8_epi16(b), 8));
  }
};

}  // namespace
}  // namespace qconv::kernels
