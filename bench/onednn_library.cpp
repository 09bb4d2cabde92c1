#include "onednn_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string_view>

namespace qconv::bench::onednn {
namespace {

struct IsaPair {
  std::string_view ours;
  dnnl::cpu_isa theirs;
};

constexpr std::array<IsaPair, 5> kIsaPairs{{{"scalar", dnnl::cpu_isa::sse41},
                                            {"avx2", dnnl::cpu_isa::avx2},
                                            {"avx_vnni", dnnl::cpu_isa::avx2_vnni},
                                            {"avx512", dnnl::cpu_isa::avx512_core},
                                            {"avx512_vnni", dnnl::cpu_isa::avx512_core_vnni}}};

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
// A function of the OpenMP runtime that oneDNN was linked with. Looked up at run time, because the
// compiler of this file may come with another one (Clang's libomp next to GCC's libgomp), whose
// settings would not reach oneDNN.
template <typename Function>
Function* OpenMp(const char* name) {
  void* const symbol = dlsym(RTLD_DEFAULT, name);
  if (symbol == nullptr) {
    throw std::invalid_argument(fmt::format("oneDNN's OpenMP runtime has no {}", name));
  }
  return reinterpret_cast<Function*>(symbol);
}
#endif

}  // namespace

void HoldToIsa(const std::string& isa) {
  for (const IsaPair& pair : kIsaPairs) {
    if (pair.ours != isa) continue;
    if (dnnl::set_max_cpu_isa(pair.theirs) == dnnl::status::success) return;
    throw std::invalid_argument(
        fmt::format("oneDNN was built without a way to hold it to {}; use --peer-isa any", isa));
  }
  throw std::invalid_argument(fmt::format("oneDNN has no ISA like {}; use --peer-isa any", isa));
}

std::string EffectiveIsa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "other instructions";
  }
}

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP

void SetThreads(int threads) { OpenMp<void(int)>("omp_set_num_threads")(threads); }

void PauseThreads() {
  static const auto pause = OpenMp<int(int)>("omp_pause_resource_all");
  constexpr int kSoft = 1;  // omp_pause_soft
  pause(kSoft);
}

#else

void SetThreads(int threads) {
  if (DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_SEQ && threads == 1) return;
  throw std::invalid_argument(fmt::format(
      "--threads {}: this oneDNN does not run on OpenMP, which is how the bench sets its threads",
      threads));
}

void PauseThreads() {}

#endif

}  // namespace qconv::bench::onednn
