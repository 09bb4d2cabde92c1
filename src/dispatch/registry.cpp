#include "dispatch/registry.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "dispatch/cpu.h"
#include "qconv/isa.h"

namespace qconv::kernels {
extern const KernelTable kScalarTable, kAvx2Table, kAvxVnniTable, kAvx512Table, kAvx512VnniTable;
}

namespace qconv::dispatch {
namespace {

// Features that CMakeLists.txt compiles the kernels for, for FirstMissingFeature.
[[maybe_unused]] constexpr std::string_view kAvx2[] = {"avx2"};
[[maybe_unused]] constexpr std::string_view kAvxVnni[] = {"avx2", "avx_vnni"};
[[maybe_unused]] constexpr std::string_view kAvx512[] = {"avx2",     "avx512f",  "avx512cd",
                                                         "avx512dq", "avx512bw", "avx512vl"};
[[maybe_unused]] constexpr std::string_view kAvx512Vnni[] = {
    "avx2", "avx512f", "avx512cd", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"};

struct Entry {
  const kernels::KernelTable* table;
  std::span<const std::string_view> required;
};

// From plain to best; CMakeLists.txt holds the same list, and QCONV_ISAS those that are built.
constexpr Entry kRegistry[] = {
    {&kernels::kScalarTable, {}},
#ifdef QCONV_HAS_AVX2
    {&kernels::kAvx2Table, kAvx2},
#endif
#ifdef QCONV_HAS_AVX_VNNI
    {&kernels::kAvxVnniTable, kAvxVnni},
#endif
#ifdef QCONV_HAS_AVX512
    {&kernels::kAvx512Table, kAvx512},
#endif
#ifdef QCONV_HAS_AVX512_VNNI
    {&kernels::kAvx512VnniTable, kAvx512Vnni},
#endif
};

std::string UsableNames() {
  std::string names;
  for (const Entry& entry : kRegistry) {
    if (!FirstMissingFeature(entry.required).empty()) continue;
    if (!names.empty()) names += ", ";
    names += entry.table->name;
  }
  return names;
}

// `source` is how the user named the ISA, for the error.
const kernels::KernelTable& Find(const std::string& name, const std::string& source) {
  for (const Entry& entry : kRegistry) {
    if (name != entry.table->name) continue;
    const std::string_view missing = FirstMissingFeature(entry.required);
    if (missing.empty()) return *entry.table;
    throw std::invalid_argument("qconv: " + source + " is \"" + name +
                                "\", but this CPU or operating system lacks " +
                                std::string(missing) + "; usable here: " + UsableNames());
  }
  throw std::invalid_argument("qconv: " + source + " is \"" + name +
                              "\", which is no ISA of this build; usable here: " + UsableNames());
}

}  // namespace

const kernels::KernelTable& SelectKernels(const std::string& isa, const char* argument) {
  if (!isa.empty()) return Find(isa, argument);
  const char* variable = std::getenv("QCONV_ISA");
  if (variable != nullptr && *variable != '\0') return Find(variable, "environment QCONV_ISA");
  const auto best =
      std::find_if(std::rbegin(kRegistry), std::rend(kRegistry),
                   [](const Entry& entry) { return FirstMissingFeature(entry.required).empty(); });
  return *best->table;  // "scalar" needs nothing
}

}  // namespace qconv::dispatch

namespace qconv {

std::vector<IsaInfo> Isas() {
  std::vector<IsaInfo> isas;
  for (const dispatch::Entry& entry : dispatch::kRegistry) {
    const std::string missing(dispatch::FirstMissingFeature(entry.required));
    isas.push_back({.name = entry.table->name,
                    .dot_product = entry.table->dot_product,
                    .usable = missing.empty(),
                    .missing = missing});
  }
  return isas;
}

std::string DefaultIsa() { return dispatch::SelectKernels("").name; }

std::string ResolveIsa(const std::string& name) { return dispatch::SelectKernels(name).name; }

double MeasureCeiling(const std::string& isa) {
  const kernels::KernelTable& table = dispatch::SelectKernels(isa);
  using Clock = std::chrono::steady_clock;
  constexpr double kSampleSeconds = 1e-3;
  constexpr int kSamples = 10;
  int64_t iterations = 1000;
  double best = 0;
  for (int sample = 0; sample < kSamples;) {
    const auto begin = Clock::now();
    const int64_t macs = table.spin(iterations);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (seconds < kSampleSeconds) {  // too short to time: grow
      iterations *= 2;
      continue;
    }
    best = std::max(best, static_cast<double>(macs) / seconds);
    ++sample;
  }
  return best;
}

}  // namespace qconv
