// Lane layers: a systematic list of depthwise layers and layers with narrow groups, with numbers
// that show mistakes.
//
// Read next: lane_layer_test.cpp.
#pragma once

#include <iosfwd>
#include <vector>

#include "common/case.h"

namespace qconv::test {

// A part of the list, so that failures and times have names.
struct LaneFamily {
  const char* name;
  std::vector<cases::Layer> (*layers)();
  bool weight_zero_points = true;  // by turns
};

const std::vector<LaneFamily>& LaneFamilies();
void PrintTo(const LaneFamily& family, std::ostream* out);

// The numbers of layer `index` of a family: weights, weight zero points, output scales and
// activations take turns, so that each kind meets each kind of shape.
cases::Case MakeLaneCase(const cases::Layer& layer, int index, bool weight_zero_points);

// Calls visit(case) for each layer of a family.
template <class Visit>
void ForEachLaneCase(const LaneFamily& family, const Visit& visit) {
  int index = 0;
  for (const cases::Layer& layer : family.layers()) {
    visit(MakeLaneCase(layer, index++, family.weight_zero_points));
  }
}

}  // namespace qconv::test
