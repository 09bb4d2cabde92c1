// `qconv verify`: runs cases on ISAs and compares every byte with golden data or the reference.
#pragma once

#include "jobs.h"

namespace qconv::command {

// Prints a report to standard output and returns whether everything passed. Throws
// std::invalid_argument or std::runtime_error for options and files that nothing can be made of;
// whatever goes wrong in a case is a failure of that case.
bool Verify(const VerifyOptions& options);

}  // namespace qconv::command
