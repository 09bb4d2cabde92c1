// `qconv explain`: how the library packs layers, and what it has chosen for their products.
#pragma once

#include "jobs.h"

namespace qconv::command {

// Prints a table to standard output, a line for each case and ISA. Throws std::invalid_argument or
// std::runtime_error for options and files that nothing can be made of, and for a case that no
// layer can be made of.
void Explain(const JobOptions& options);

}  // namespace qconv::command
