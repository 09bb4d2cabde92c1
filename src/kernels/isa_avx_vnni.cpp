// AVX-VNNI: vpdpbusd on 256-bit registers (Alder Lake and newer; Zen 5).
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/table.inl.h"
#include "kernels/width_256.inl.h"
#include "kernels/xsimd_arch.inl.h"

QCONV_XSIMD_ARCH_256(AvxVnniArch, xsimd::avx2)

namespace qconv::kernels {
namespace {

struct AvxVnni {
  using Width = Width256;
  using Register = Width::Register;
  using Int32 = xsimd::batch<int32_t, AvxVnniArch>;
  using Float = xsimd::batch<float, AvxVnniArch>;
  using Activations = __m256i;
  using Weights = __m256i;
  static constexpr WeightFormat kWeightFormat = WeightFormat::kS8Quads;
  static constexpr int kWeightVectorBytes = 32;
  static constexpr int kSpreadVectorBytes = 32;
  // 16 registers hold the accumulators, nv weights and one broadcast.
  static constexpr int kTileRows[] = {10, 6};
  static constexpr int kEvenTileRows[] = {12, 0};  // 1x1, 64 -> 24 channels: 3 % less time
  static constexpr int kLaneTileRows[] = {8, 6};
  static constexpr bool kSharesLanes = true;
  static constexpr int kSharedTileRows[] = {6, 3};
  // Depthwise layers and narrow groups in place (slide.inl.h, group.inl.h). Of 5x5 kernels, but at
  // a stride of 3 (26 GMAC/s, spread 16), and of groups of 16 registers hold too little: 51 GMAC/s,
  // spread 52; rotated 156, merged 184.
  static constexpr int kSlideVectors[] = {2, 2, 2, 0, 0, 2};
  static constexpr int kSlideRegisters[] = {14, 14, 14, 14, 14, 14};
  static constexpr int kGroupDepth = 0;
  static constexpr int kRotatedDepth = 2, kRotatedPixels[] = {3, 2, 2};

  static constexpr int kTransformedTileRows[] = {12, 6};

  static inline Activations Broadcast(const uint8_t* a) {
    int32_t quad;
    std::memcpy(&quad, a, sizeof quad);
    return _mm256_set1_epi32(quad);
  }
  static inline Weights LoadWeights(const std::byte* b) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
  }
  static inline Activations LoadSpread(const uint8_t* a) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(a));
  }
  static inline void StoreSpread(std::byte* out, __m256i quads) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(out), quads);
  }
  static inline Activations FromQuads(__m256i quads) { return quads; }
  static inline Register Dot(Register acc, Activations a, Weights b) {
    return reinterpret_cast<Register>(
        _mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(acc), a, b));
  }

  using Quads = __m256i;
  static inline Quads BroadcastQuad(const uint8_t* a) { return Broadcast(a); }
  static inline Quads LoadQuads(const std::byte* b) { return LoadWeights(b); }
  // Not the intrinsic: see isa_avx512_vnni.cpp.
  static inline Register AddWordProducts(Register acc, __m256i a, __m256i w) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(w));
    return acc;
  }
};

}  // namespace

extern const KernelTable kAvxVnniTable;
constexpr KernelTable kAvxVnniTable = MakeKernelTable<AvxVnni>("avx_vnni", "vpdpbusd ymm");

}  // namespace qconv::kernels
