// What `qconv verify --saturation` tells: what int16 saturation could do to a layer and does with
// the input of a case, on a library that multiplies with vpmaddubsw.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/case.h"
#include "qconv/saturation.h"

namespace qconv::command {

struct Saturation {
  SaturationReport report;      // for any input
  SaturationCount count;        // for the input of the case
  std::vector<int64_t> sample;  // pixels that were counted; empty: all of them
};

// Counts in all pixels, or in the sample that is drawn from `seed` (see pixels.h).
Saturation MakeSaturation(const cases::Case& instance, uint64_t seed, int threads);

// A line on the report, then one on the count.
std::vector<std::string> SaturationText(const cases::Layer& layer, const Saturation& saturation);

// Adds up cases for a closing line.
class SaturationTotals {
 public:
  void Add(const Saturation& saturation);
  std::string Text() const;

 private:
  int64_t cases_ = 0;
  int64_t could_ = 0;  // cases that some input saturates
  int64_t did_ = 0;    // cases that gave other bytes
  SaturationCount count_;
};

}  // namespace qconv::command
