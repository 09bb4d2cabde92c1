// The output pixels of a layer that are checked: all, or a sample where all would take too long.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/layer.h"

namespace qconv::command {

// Pixels in ascending order, counted [n][d][h][w]; empty, which means all of them, for a layer of
// up to 2 GMAC. Beyond that every corner, pixels of every edge and others.
std::vector<int64_t> SampleOf(const cases::Layer& layer, uint64_t seed);

// Number of pixels in a sample, or in the layer if it is empty.
int64_t PixelCount(const cases::Layer& layer, const std::vector<int64_t>& sample);

// " (a sample: 250 of 12544 pixels)", or "" if it is all.
std::string SampleText(const cases::Layer& layer, const std::vector<int64_t>& sample);

// Work on the i-th pixel of a sample.
using PixelTask = std::function<void(int64_t i, int64_t batch, const Spatial& position)>;

// Calls the task once for each pixel of a sample, in any order, on `threads` threads of its own:
// not on the library's executor, whose tasks are under test.
void ForEachPixel(const cases::Layer& layer, const std::vector<int64_t>& sample, int threads,
                  const PixelTask& task);

}  // namespace qconv::command
