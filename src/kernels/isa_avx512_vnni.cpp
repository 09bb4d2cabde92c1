// AVX-512 VNNI: vpdpbusd on 512-bit registers (Cascade Lake, Ice Lake, Zen 4 and newer).
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/table.inl.h"
#include "kernels/width_512.inl.h"
#include "kernels/xsimd_arch.inl.h"

QCONV_XSIMD_ARCH_512(Avx512VnniArch, xsimd::avx512bw)

namespace qconv::kernels {
namespace {

struct Avx512Vnni {
  using Width = Width512;
  using Register = Width::Register;
  using Int32 = xsimd::batch<int32_t, Avx512VnniArch>;
  using Float = xsimd::batch<float, Avx512VnniArch>;
  using Activations = __m512i;
  using Weights = __m512i;
  static constexpr WeightFormat kWeightFormat = WeightFormat::kS8Quads;
  static constexpr int kWeightVectorBytes = 64;
  static constexpr int kSpreadVectorBytes = 64;
  // 32 registers hold the accumulators, nv weights and one broadcast; a row pointer each takes one
  // of 16 general ones.
  static constexpr int kTileRows[] = {12, 12, 8, 6};
  // Of one vector it is the loads that take the time; of two there is nothing to gain.
  static constexpr int kEvenTileRows[] = {16, 0, 0, 0};
  static constexpr int kLaneTileRows[] = {8, 8, 8, 6};
  static constexpr bool kSharesLanes = true;
  static constexpr int kSharedTileRows[] = {8, 5};
  // Depthwise layers and narrow groups in place (slide.inl.h, group.inl.h).
  static constexpr int kSlideVectors[] = {4, 4, 4, 4, 4, 4};
  static constexpr int kSlideRegisters[] = {28, 28, 28, 28, 28, 28};
  static constexpr int kGroupDepth = 8;
  static constexpr int kRotatedDepth = 4, kRotatedPixels[] = {5, 4, 4};

  static constexpr int kTransformedTileRows[] = {14, 12};

  static inline Activations Broadcast(const uint8_t* a) {
    int32_t quad;
    std::memcpy(&quad, a, sizeof quad);
    return _mm512_set1_epi32(quad);
  }
  static inline Weights LoadWeights(const std::byte* b) { return _mm512_loadu_si512(b); }
  static inline Activations LoadSpread(const uint8_t* a) { return _mm512_load_si512(a); }
  static inline void StoreSpread(std::byte* out, __m512i quads) { _mm512_store_si512(out, quads); }
  static inline Activations FromQuads(__m512i quads) { return quads; }
  static inline Register Dot(Register acc, Activations a, Weights b) {
    return reinterpret_cast<Register>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(acc), a, b));
  }

  using Quads = __m512i;
  static inline Quads BroadcastQuad(const uint8_t* a) { return Broadcast(a); }
  static inline Quads LoadQuads(const std::byte* b) { return LoadWeights(b); }
  // Not the intrinsic: Clang splits that into vpmaddwd and vpaddd, to shorten a latency that does
  // not matter here. (3x3 of 64 and 128 channels: a quarter slower.)
  static inline Register AddWordProducts(Register acc, __m512i a, __m512i w) {
    asm("vpdpwssd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(w));
    return acc;
  }
};

}  // namespace

extern const KernelTable kAvx512VnniTable;
constexpr KernelTable kAvx512VnniTable = MakeKernelTable<Avx512Vnni>("avx512_vnni", "vpdpbusd zmm");

}  // namespace qconv::kernels
