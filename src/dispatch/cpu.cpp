#include "dispatch/cpu.h"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace qconv::dispatch {
namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero if the CPU has no such leaf.
Registers Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

bool Bit(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

// XCR0: which register states the operating system saves (Intel SDM volume 1, 13.3).
uint64_t EnabledStates() {
  if (!Bit(Cpuid(1).ecx, 27)) return 0;  // no OSXSAVE
  uint32_t low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

struct Feature {
  std::string_view name;  // as Linux spells it in /proc/cpuinfo
  bool present;           // in the CPU, and the operating system saves its registers
};

auto ReadFeatures() {
  constexpr uint64_t kYmm = 0x6;        // SSE and AVX state
  constexpr uint64_t kZmm = 0xe6;       // and opmask, upper halves, upper registers
  constexpr uint64_t kTiles = 0x60000;  // AMX configuration and tile data
  const uint64_t states = EnabledStates();
  const bool ymm = (states & kYmm) == kYmm;
  const bool zmm = (states & kZmm) == kZmm;
  const bool tiles = (states & kTiles) == kTiles;
  const Registers leaf1 = Cpuid(1), leaf7 = Cpuid(7, 0), leaf7_1 = Cpuid(7, 1);

  return std::array{
      Feature{"sse4_2", Bit(leaf1.ecx, 20)},
      Feature{"avx", ymm && Bit(leaf1.ecx, 28)},
      Feature{"avx2", ymm && Bit(leaf7.ebx, 5)},
      Feature{"avx_vnni", ymm && Bit(leaf7_1.eax, 4)},
      Feature{"avx_vnni_int8", ymm && Bit(leaf7_1.edx, 4)},
      Feature{"avx512f", zmm && Bit(leaf7.ebx, 16)},
      Feature{"avx512cd", zmm && Bit(leaf7.ebx, 28)},
      Feature{"avx512dq", zmm && Bit(leaf7.ebx, 17)},
      Feature{"avx512bw", zmm && Bit(leaf7.ebx, 30)},
      Feature{"avx512vl", zmm && Bit(leaf7.ebx, 31)},
      Feature{"avx512_vnni", zmm && Bit(leaf7.ecx, 11)},
      Feature{"amx_int8", tiles && Bit(leaf7.edx, 25)},
  };
}

// Read once. An array needs no destructor: layers may be packed while the program ends.
const auto& Features() {
  static const auto features = ReadFeatures();
  return features;
}

std::string Brand() {
  if (Cpuid(0x80000000).eax < 0x80000004) return "unknown";
  char text[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = Cpuid(0x80000002 + i);
    std::memcpy(text + 16 * i, &r, 16);
  }
  const std::string brand = text;
  const auto begin = brand.find_first_not_of(' ');
  return begin == std::string::npos ? "unknown"
                                    : brand.substr(begin, brand.find_last_not_of(' ') - begin + 1);
}

std::string Vendor() {
  const Registers r = Cpuid(0);
  char text[13] = {};
  std::memcpy(text, &r.ebx, 4);
  std::memcpy(text + 4, &r.edx, 4);
  std::memcpy(text + 8, &r.ecx, 4);
  return text;
}

// Deterministic cache parameters: leaf 4 on Intel, 0x8000001D on AMD, the same layout.
void ReadCaches(CpuInfo& info) {
  const uint32_t leaf = info.vendor == "AuthenticAMD" ? 0x8000001D : 4;
  for (uint32_t i = 0; i < 16; ++i) {
    const Registers r = Cpuid(leaf, i);
    const uint32_t type = r.eax & 0x1f;  // 1 data, 2 instruction, 3 unified
    if (type == 0) break;
    if (type == 2) continue;
    const int64_t ways = (r.ebx >> 22) + 1, partitions = (r.ebx >> 12 & 0x3ff) + 1;
    const int64_t line = (r.ebx & 0xfff) + 1, sets = int64_t{r.ecx} + 1;
    const int64_t bytes = ways * partitions * line * sets;
    const uint32_t level = r.eax >> 5 & 7;
    if (level == 1) info.l1d_bytes = bytes;
    if (level == 2) info.l2_bytes = bytes;
    if (level == 3) info.l3_bytes = bytes;
  }
}

}  // namespace

std::string_view FirstMissingFeature(std::span<const std::string_view> required) {
  for (const std::string_view name : required) {
    const bool present = std::any_of(
        Features().begin(), Features().end(),
        [&](const Feature& feature) { return feature.name == name && feature.present; });
    if (!present) return name;
  }
  return {};
}

}  // namespace qconv::dispatch

namespace qconv {

CpuInfo Cpu() {
  CpuInfo info;
  info.vendor = dispatch::Vendor();
  info.brand = dispatch::Brand();
  for (const auto& [name, present] : dispatch::Features()) {
    if (present) info.features.emplace_back(name);
  }
  dispatch::ReadCaches(info);
  return info;
}

}  // namespace qconv
