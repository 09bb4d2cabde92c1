// Prepack and Run with every tensor between guard pages.
//
// Read next: guarded.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/case.h"
#include "guarded.h"

namespace qconv::test {

// Packs and runs with everything flush with an inaccessible page: a byte too far ends the process.
// Expects these bytes.
void CheckGuarded(const cases::Case& guarded_case, const std::vector<uint8_t>& expected,
                  const std::string& isa, Edge edge);

}  // namespace qconv::test
