// AVX-512 without VNNI (Skylake-X): as isa_avx2.cpp, on 512-bit registers.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/table.inl.h"
#include "kernels/width_512.inl.h"
#include "kernels/xsimd_arch.inl.h"

QCONV_XSIMD_ARCH_512(Avx512Arch, xsimd::avx512bw)

namespace qconv::kernels {
namespace {

struct Avx512 {
  using Width = Width512;
  using Register = Width::Register;
  using Int32 = xsimd::batch<int32_t, Avx512Arch>;
  using Float = xsimd::batch<float, Avx512Arch>;
  struct Activations {
    __m512i even, odd;  // s16 pairs (a0, a2) and (a1, a3), broadcast
  };
  struct Weights {
    __m512i even, odd;  // s16 pairs (w0, w2) and (w1, w3) of each lane
  };
  static constexpr WeightFormat kWeightFormat = WeightFormat::kS16EvenOdd;
  static constexpr int kWeightVectorBytes = 128;
  static constexpr int kSpreadVectorBytes = 128;
  // 32 registers hold the accumulators, 2 * nv weights, two broadcasts and a product.
  static constexpr int kTileRows[] = {12, 10, 6, 4};
  // Of one vector it is the loads that take the time. (1x1, 32 -> 16 channels: 118 -> 138 GMAC/s.)
  static constexpr int kEvenTileRows[] = {16, 0, 0, 0};
  static constexpr int kLaneTileRows[] = {8, 8, 6, 6};
  static constexpr bool kSharesLanes = true;
  static constexpr int kSharedTileRows[] = {8, 4};
  // Depthwise layers and narrow groups in place (slide.inl.h, group.inl.h). Not groups of 16: 90
  // GMAC/s, rotated; merged they have Winograd's tiles, 230.
  static constexpr int kSlideVectors[] = {4, 4, 4, 4, 4, 4};
  // At a stride of 2 few columns are shared; a second pixel, which shares weights, is worth
  // spilling for. (Depthwise 3x3: 49 -> 54 GMAC/s.)
  static constexpr int kSlideRegisters[] = {20, 24, 20, 20, 20, 20};
  static constexpr int kGroupDepth = 1;
  static constexpr int kRotatedDepth = 2, kRotatedPixels[] = {4, 4, 3};

  // A chain takes a pointer per row and an offset per link: more rows leave the general registers.
  // (Chains of four, 8 rows: 99 GMAC/s, 6 rows: 145.) Rows at one distance do not: 1x1 layers take
  // 3 to 10 % less time.
  static constexpr int kChainTileRows = 6;
  static constexpr int kEvenChainTileRows = 16;

  static constexpr bool kWidensAhead = false;  // 5 % more time to 5 % less
  static constexpr int kTransformedTileRows[] = {14, 12};

  static inline Activations Broadcast(const uint8_t* a) { return FromQuads(BroadcastQuad(a)); }
  static inline Weights LoadWeights(const std::byte* b) {
    return {_mm512_loadu_si512(b), _mm512_loadu_si512(b + 64)};
  }
  static inline Activations LoadSpread(const uint8_t* a) {
    return {_mm512_load_si512(a), _mm512_load_si512(a + 64)};
  }
  static inline void StoreSpread(std::byte* out, __m512i quads) {
    const auto [even, odd] = FromQuads(quads);
    _mm512_store_si512(out, even);
    _mm512_store_si512(out + 64, odd);
  }
  static inline Activations FromQuads(__m512i quads) {
    return {_mm512_and_si512(quads, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(quads, 8)};
  }
  static inline Register Dot(Register acc, const Activations& a, const Weights& b) {
    return AddWordProducts(AddWordProducts(acc, a.even, b.even), a.odd, b.odd);
  }
  static inline Register AddWordProducts(Register acc, __m512i a, __m512i w) {
    return Width::Add(acc, reinterpret_cast<Register>(_mm512_madd_epi16(a, w)));
  }

  using Quads = __m512i;
  static inline Quads BroadcastQuad(const uint8_t* a) {
    int32_t quad;
    std::memcpy(&quad, a, sizeof quad);
    return _mm512_set1_epi32(quad);
  }
  static inline Quads LoadQuads(const std::byte* b) { return _mm512_loadu_si512(b); }
  static inline Quads Pairs(Quads a, Quads w) { return _mm512_maddubs_epi16(a, w); }
  static inline Quads AddPairs(Quads x, Quads y) { return _mm512_add_epi16(x, y); }
  static inline Register AddChain(Register acc, Quads x) {
    return AddWordProducts(acc, x, _mm512_set1_epi16(1));
  }
};

}  // namespace

extern const KernelTable kAvx512Table;
constexpr KernelTable kAvx512Table = MakeKernelTable<Avx512>("avx512", "vpmaddubsw zmm");

}  // namespace qconv::kernels
