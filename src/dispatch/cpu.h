// FirstMissingFeature: what CPUID and XGETBV say, and what they say the operating system supports.
//
// Layer: dispatch. Knows nothing of kernels. Read next: registry.h.
#pragma once

#include <span>
#include <string_view>

#include "qconv/isa.h"

namespace qconv::dispatch {

// The first of `required` that this CPU lacks or the operating system does not save the registers
// of, or "". Features have the names of /proc/cpuinfo: "avx2", "avx_vnni", "avx512bw", ...
std::string_view FirstMissingFeature(std::span<const std::string_view> required);

}  // namespace qconv::dispatch
