// `qconv info`: what this machine offers and what the library makes of it.
#pragma once

namespace qconv::command {

// Prints to standard output; takes some milliseconds per ISA to measure its ceiling. Throws
// std::invalid_argument if QCONV_ISA names an ISA that cannot be used.
void Info(bool as_json);

}  // namespace qconv::command
