// CpuFeatures: what CPUID and XGETBV say, and what they say the operating system supports.
//
// Layer: dispatch. Knows nothing of kernels. Read next: registry.h.
#pragma once

#include <span>
#include <string_view>

#include "qconv/isa.h"

namespace qconv::dispatch {

// Names of the features that this CPU has and the operating system saves the registers of, as Linux
// spells them in /proc/cpuinfo: "avx2", "avx_vnni", "avx512bw", ... Read once, then cached.
std::span<const std::string_view> CpuFeatures();

// The first of `required` that is not among CpuFeatures(), or "" if all are there.
std::string_view FirstMissingFeature(std::span<const std::string_view> required);

}  // namespace qconv::dispatch
