// Expected: the bytes that a case has to give, and the comparison with those it gave.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/case.h"

namespace qconv::command {

struct Expected {
  // Output pixels that `bytes` holds, ascending, counted [n][d][h][w]; empty: all of them.
  std::vector<int64_t> sample;
  std::vector<uint8_t> bytes;  // [pixel][output channel]
};

// The golden output of a case that has one, else what the reference says: about all pixels of a
// layer of up to 2 GMAC, about a sample with corners and edges in it beyond that. The reference
// runs on `threads` threads of its own, not on the library's executor, whose tasks are under test.
Expected MakeExpected(const cases::Case& instance, uint64_t seed, int threads);

// An output tensor in which every byte that Compare looks at is wrong, so that a byte that is never
// written cannot pass.
std::vector<uint8_t> WrongOutput(const cases::Case& instance, const Expected& expected);

// How the output differs, in words; nothing if it does not.
std::optional<std::string> Compare(const cases::Case& instance, const Expected& expected,
                                   const std::vector<uint8_t>& output);

}  // namespace qconv::command
