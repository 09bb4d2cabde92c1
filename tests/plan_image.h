// ImageOf: an image of a plan's batch as feeders see it, for tests that walk a plan as run.cpp
// does.
#pragma once

#include <cstdint>
#include <vector>

#include "pack/feed.h"
#include "plan.h"

namespace qconv::test {

inline int64_t Pixels(const pack::Dims& size) { return size[0] * size[1] * size[2]; }

// Image `index` of `input`, whose output goes to `output`; both hold the whole batch.
inline pack::ImageView ImageOf(const ImagePlan& plan, const pack::Geometry& g,
                               const std::vector<uint8_t>& input, std::vector<uint8_t>& output,
                               int64_t index) {
  return {.input_size = plan.input(),
          .output_size = plan.output(),
          .input = input.data() + index * Pixels(plan.input()) * g.in_channels,
          .output = output.data() + index * Pixels(plan.output()) * g.out_channels,
          .tensor = input.data(),
          .tensor_end = input.data() + input.size(),
          .channels = g.in_channels,
          .first_channel = 0,
          .padding = g.padding};
}

}  // namespace qconv::test
