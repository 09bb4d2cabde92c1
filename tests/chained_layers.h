// Chained layers: dense layers of all kinds, with weights and inputs that show sums beyond int16.
//
// Read next: chained_layer_test.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "chain_weights.h"
#include "common/case.h"
#include "testing.h"

namespace qconv::test {

const std::vector<Shape>& ChainedShapes();

// Weights, weight zero points, inputs, input zero points and output scales take turns. The maximum
// is declared.
cases::Case MakeChainedCase(const Shape& shape, const ChainWeights& weights, int32_t maximum,
                            int index);

// Calls visit(case) for all weights, each with an input of every kind.
template <class Visit>
void ForEachChainedCase(const Shape& shape, int32_t maximum, const Visit& visit) {
  for (int round = 0; round < 4; ++round) {
    int index = 17 * round;  // so that no two rounds are in step
    for (const ChainWeights& weights : AllChainWeights()) {
      visit(MakeChainedCase(shape, weights, maximum, index++));
    }
  }
}

}  // namespace qconv::test
