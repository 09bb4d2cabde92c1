// Weights that chains are easy, hard or impossible to make of.
//
// Read next: chain_cover_test.cpp, chains_test.cpp for taps, chained_layer_test.cpp for whole
// layers.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <tuple>
#include <vector>

#include "common/rng.h"

namespace qconv::test {

// Draws the weight of an input byte; `byte` counts those of an output channel.
struct ChainWeights {
  const char* name;
  int (*draw)(cases::Rng& rng, int64_t byte);
};

const std::vector<ChainWeights>& AllChainWeights();
void PrintTo(const ChainWeights& weights, std::ostream* out);

// With input maxima.
using ChainWeightsAndMaximum = std::tuple<ChainWeights, int32_t>;
std::vector<ChainWeightsAndMaximum> AllChainWeightsAndMaxima();
std::string ChainWeightsAndMaximumName(
    const ::testing::TestParamInfo<ChainWeightsAndMaximum>& info);

// The weights of a tap, [byte][lane]; now and then the last lanes or the last bytes have none.
std::vector<int8_t> DrawTap(const ChainWeights& kind, int bytes, int lanes, uint64_t seed);

// Calls check(weights, lanes) for taps of all depths.
template <class Check>
void ForEachTap(const ChainWeights& kind, const Check& check) {
  uint64_t seed = 1;
  for (const int lanes : {1, 2, 8, 16}) {
    for (const int bytes : {4, 8, 12, 36, 256}) {
      for (int i = 0; i < 4; ++i) {
        SCOPED_TRACE(testing::Message() << bytes << " bytes, " << lanes << " lanes, " << i);
        check(DrawTap(kind, bytes, lanes, seed++), lanes);
      }
    }
  }
}

}  // namespace qconv::test
