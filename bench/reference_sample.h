// ReferenceSample: how many of the bytes that were just timed are wrong.
//
// Knows the reference, not who made the bytes. Read next: qconv/reference.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/case.h"

namespace qconv::bench {

// Output pixels and their bytes as the reference has them: the first pixel, the last and some
// between, as many as take the reference some milliseconds.
class ReferenceSample {
 public:
  explicit ReferenceSample(const cases::Case& numbers);

  // Share of the sample's bytes that differ in `output`, the whole output tensor: 0..1.
  double Wrong(std::span<const uint8_t> output) const;

 private:
  size_t channels_;
  std::vector<int64_t> pixels_;
  std::vector<uint8_t> bytes_;  // [pixel][channel]
};

}  // namespace qconv::bench
