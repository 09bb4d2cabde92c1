// What the list of lane layers is made with.
//
// Read next: lane_layers.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/case.h"

namespace qconv::test {

// Takes values in turn, round and round.
class Turns {
 public:
  explicit Turns(std::vector<int64_t> values) : values_(std::move(values)) {}
  int64_t Next() { return values_[next_++ % values_.size()]; }

 private:
  std::vector<int64_t> values_;
  size_t next_ = 0;
};

// A layer with "same" padding every other turn, else with none or unequal padding. The image grows
// if the kernel does not fit it.
cases::Layer Finish(ConvParams params, Image image, int64_t turn);

// Narrow groups: of all kinds; those that no ISA reads in place; those that some do.
std::vector<cases::Layer> Groups();
std::vector<cases::Layer> SpreadGroups();
std::vector<cases::Layer> GroupsInPlace();

}  // namespace qconv::test
