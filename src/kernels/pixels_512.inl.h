// Pixels512: from the channels of pixels to a quad of bytes per lane, with 512-bit registers.
//
// Layer: kernels. Shared by the AVX-512 ISAs; pixels_256.inl.h is its twin. Used by the
// kernels of lane layers. Lanes come in the natural column order of panels (ColumnInPanel in
// pack/columns.h): interleaving works within 128-bit lanes, just as the narrowing at the end does,
// and one undoes the other.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/kernel_table.h"

namespace qconv::kernels {
namespace {

struct Pixels512 {
  using Native = __m512i;

  // As many channels of a pixel as `nv` vectors have lanes; the rest of the register is idle.
  template <int nv>
  static inline __m512i Load(const uint8_t* pixel) {
    static_assert(nv == 1 || nv == 2 || nv == 4);
    if constexpr (nv == 4) return _mm512_loadu_si512(pixel);
    if constexpr (nv == 1) return _mm512_castsi128_si512(Load16(pixel));
    return _mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pixel)));
  }

  // The same, channels taken by nv shuffles.
  template <int nv>
  static inline __m512i Shuffle(const uint8_t* pixel, LaneShuffles shuffles) {
    if constexpr (nv == 4) {
      return ShuffleQuads(Gather(pixel, shuffles.offsets), shuffles.orders);
    }
    __m512i bytes = _mm512_castsi128_si512(Load16(pixel + shuffles.offsets[0]));
    if constexpr (nv == 2) {
      bytes = _mm512_inserti32x4(bytes, Load16(pixel + shuffles.offsets[1]), 1);
    }
    return _mm512_shuffle_epi8(bytes, Load<nv>(shuffles.orders));
  }

  // 128-bit lane L: 16 bytes of the pixel from offset L on.
  static inline __m512i Gather(const uint8_t* pixel, const int64_t* offsets) {
    return Join(Load16(pixel + offsets[0]), Load16(pixel + offsets[1]), Load16(pixel + offsets[2]),
                Load16(pixel + offsets[3]));
  }

  // 128-bit lane L: the bytes of the pixel from 4 * nv * L on, 4 * nv of them at least.
  template <int nv>
  static inline __m512i LoadNear(const uint8_t* pixel) {
    const __m512i bytes = Load<nv>(pixel);
    if constexpr (nv == 4) return bytes;
    if constexpr (nv == 1) {
      const __m512i order = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
      return _mm512_permutexvar_epi32(order, bytes);
    }
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), bytes);
  }

  // A pixel's channels as they lie, a quad for each lane.
  static inline Native LoadQuads(const uint8_t* pixel) { return _mm512_loadu_si512(pixel); }

  // The quads of one vector, taken by four shuffles.
  static inline Native ShuffleQuads(__m512i bytes, const uint8_t* orders) {
    return _mm512_shuffle_epi8(bytes, _mm512_loadu_si512(orders));
  }

  // Four bytes per lane, each one of 16 of the pixel.
  static inline Native LoadOrder(const uint8_t* order) { return _mm512_loadu_si512(order); }
  static inline Native ShuffleSixteen(const uint8_t* pixel, Native order) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(Load16(pixel)), order);
  }

  // Lane of channel c: bytes c of the four pixels.
  template <int nv>
  static inline void Interleave(__m512i p0, __m512i p1, __m512i p2, __m512i p3,
                                Native (&quads)[nv]) {
    if constexpr (nv == 4) {
      const __m512i low01 = _mm512_unpacklo_epi8(p0, p1), high01 = _mm512_unpackhi_epi8(p0, p1);
      const __m512i low23 = _mm512_unpacklo_epi8(p2, p3), high23 = _mm512_unpackhi_epi8(p2, p3);
      quads[0] = _mm512_unpacklo_epi16(low01, low23);
      quads[1] = _mm512_unpackhi_epi16(low01, low23);
      quads[2] = _mm512_unpacklo_epi16(high01, high23);
      quads[3] = _mm512_unpackhi_epi16(high01, high23);
    } else if constexpr (nv == 2) {
      const __m512i p01 = Pairs(p0, p1), p23 = Pairs(p2, p3);
      quads[0] = _mm512_unpacklo_epi16(p01, p23);
      quads[1] = _mm512_unpackhi_epi16(p01, p23);
    } else {
      // Dword c / 4 of each pixel to 128-bit lane c / 4, then a 4 x 4 transpose within it.
      const __m512i gather =
          _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      const __m512i transpose = _mm512_broadcast_i32x4(
          _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
      const __m512i joined = Join(_mm512_castsi512_si128(p0), _mm512_castsi512_si128(p1),
                                  _mm512_castsi512_si128(p2), _mm512_castsi512_si128(p3));
      quads[0] = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(gather, joined), transpose);
    }
  }

 private:
  static inline __m128i Load16(const uint8_t* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  }
  static inline __m512i Join(__m128i b0, __m128i b1, __m128i b2, __m128i b3) {
    const __m512i low = _mm512_inserti32x4(_mm512_castsi128_si512(b0), b1, 1);
    return _mm512_inserti32x4(_mm512_inserti32x4(low, b2, 2), b3, 3);
  }
  // The bytes of two pixels as pairs; 128-bit lane L holds those of channels 8 * L on.
  static inline __m512i Pairs(__m512i a, __m512i b) {
    const __m512i wide_a = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(a));
    const __m512i wide_b = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(b));
    return _mm512_or_si512(wide_a, _mm512_slli_epi16(wide_b, 8));
  }
};

}  // namespace
}  // namespace qconv::kernels
