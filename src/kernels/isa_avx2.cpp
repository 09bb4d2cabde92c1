// AVX2: vpmaddubsw, which saturates, where packing has proven that it does not; else u8 and s8
// widened to s16 and vpmaddwd. On 256-bit registers.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/table.inl.h"
#include "kernels/width_256.inl.h"
#include "kernels/xsimd_arch.inl.h"

QCONV_XSIMD_ARCH_256(Avx2Arch, xsimd::avx2)

namespace qconv::kernels {
namespace {

struct Avx2 {
  using Width = Width256;
  using Register = Width::Register;
  using Int32 = xsimd::batch<int32_t, Avx2Arch>;
  using Float = xsimd::batch<float, Avx2Arch>;
  struct Activations {
    __m256i even, odd;  // s16 pairs (a0, a2) and (a1, a3), broadcast
  };
  struct Weights {
    __m256i even, odd;  // s16 pairs (w0, w2) and (w1, w3) of each lane
  };
  static constexpr WeightFormat kWeightFormat = WeightFormat::kS16EvenOdd;
  static constexpr int kWeightVectorBytes = 64;
  static constexpr int kSpreadVectorBytes = 64;
  // 16 registers hold the accumulators, two weight vectors, two broadcasts and a product.
  static constexpr int kTileRows[] = {8, 4};
  static constexpr int kEvenTileRows[] = {0, 0};  // no gain, nor of chains: 16 registers are few
  static constexpr int kLaneTileRows[] = {6, 5};
  static constexpr bool kSharesLanes = false;  // 16 registers are few (1D, 75 taps: 0.88)
  // Depthwise layers and groups of 4 in place (slide.inl.h, group.inl.h). Of wider groups registers
  // hold too little: groups of 16 48 GMAC/s, merged 83; of 8, rotated, 59, merged 68.
  static constexpr int kSlideVectors[] = {2, 2, 2, 2, 2, 2};
  static constexpr int kSlideRegisters[] = {8, 8, 8, 8, 8, 8};
  static constexpr int kGroupDepth = 0;
  static constexpr int kRotatedDepth = 1, kRotatedPixels[] = {2, 2, 2};

  // A chain takes a pointer per row and an offset per link: more rows leave the general registers.
  // (Chains of four, 8 rows: 99 GMAC/s, 6 rows: 145.)
  static constexpr int kChainTileRows = 6;
  static constexpr int kEvenChainTileRows = 0;

  // Pointwise layers: 5 to 15 % less time where Strassen's algorithm does not fit.
  static constexpr bool kWidensAhead = true;
  static constexpr int kTransformedTileRows[] = {12, 6};

  static inline Activations Broadcast(const uint8_t* a) { return FromQuads(BroadcastQuad(a)); }
  static inline Weights LoadWeights(const std::byte* b) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + 32))};
  }
  static inline Activations LoadSpread(const uint8_t* a) {
    return {_mm256_load_si256(reinterpret_cast<const __m256i*>(a)),
            _mm256_load_si256(reinterpret_cast<const __m256i*>(a + 32))};
  }
  static inline void StoreSpread(std::byte* out, __m256i quads) {
    const auto [even, odd] = FromQuads(quads);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out), even);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + 32), odd);
  }
  static inline Activations FromQuads(__m256i quads) {
    return {_mm256_and_si256(quads, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(quads, 8)};
  }
  static inline Register Dot(Register acc, const Activations& a, const Weights& b) {
    return AddWordProducts(AddWordProducts(acc, a.even, b.even), a.odd, b.odd);
  }
  static inline Register AddWordProducts(Register acc, __m256i a, __m256i w) {
    return Width::Add(acc, reinterpret_cast<Register>(_mm256_madd_epi16(a, w)));
  }

  using Quads = __m256i;
  static inline Quads BroadcastQuad(const uint8_t* a) {
    int32_t quad;
    std::memcpy(&quad, a, sizeof quad);
    return _mm256_set1_epi32(quad);
  }
  static inline Quads LoadQuads(const std::byte* b) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  }
  static inline Quads Pairs(Quads a, Quads w) { return _mm256_maddubs_epi16(a, w); }
  static inline Quads AddPairs(Quads x, Quads y) { return _mm256_add_epi16(x, y); }
  static inline Register AddChain(Register acc, Quads x) {
    return AddWordProducts(acc, x, _mm256_set1_epi16(1));
  }
};

}  // namespace

extern const KernelTable kAvx2Table;
constexpr KernelTable kAvx2Table = MakeKernelTable<Avx2>("avx2", "vpmaddubsw ymm");

}  // namespace qconv::kernels
