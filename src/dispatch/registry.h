// The ordered list of kernel tables and the choice among them.
//
// Layer: dispatch. To add an ISA: kernels/isa_<name>.cpp, its table in registry.cpp, one line in
// CMakeLists.txt (see HACKING.md). Read next: ../kernels/kernel_table.h.
#pragma once

#include <string>

#include "kernels/kernel_table.h"

namespace qconv::dispatch {

// The kernels of an ISA by name; "" means the environment variable QCONV_ISA or the best usable.
// Throws std::invalid_argument for an unknown ISA or one that this CPU lacks; `argument` is what
// the user named it by.
const kernels::KernelTable& SelectKernels(const std::string& isa, const char* argument = "isa");

}  // namespace qconv::dispatch
