#include "chain_weights.h"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace qconv::test {
namespace {

using cases::Rng;

int Laplace(Rng& rng, int64_t /*byte*/) {
  return static_cast<int>(std::clamp(std::nearbyint(12 * rng.Laplace()), -128.0, 127.0));
}

int Uniform(Rng& rng, int64_t /*byte*/) { return static_cast<int>(rng.Int(-128, 127)); }

int Small(Rng& rng, int64_t /*byte*/) { return static_cast<int>(rng.Int(-16, 16)); }

int Outliers(Rng& rng, int64_t /*byte*/) {
  const int outlier = rng.Pick({-128, 127});
  return rng.OneIn(40) ? outlier : static_cast<int>(rng.Int(-3, 3));
}

int Extremes(Rng& rng, int64_t /*byte*/) { return rng.Pick({-128, 127}); }

int Largest(Rng& /*rng*/, int64_t /*byte*/) { return 127; }

int Least(Rng& /*rng*/, int64_t /*byte*/) { return -128; }

int Alternating(Rng& /*rng*/, int64_t byte) { return byte % 2 == 0 ? 127 : -128; }

int AlternatingPairs(Rng& /*rng*/, int64_t byte) { return byte / 2 % 2 == 0 ? 127 : -128; }

// Neighbours that add up to 128: all that there is room for if inputs are up to 255.
int Full(Rng& /*rng*/, int64_t byte) { return byte % 2 == 0 ? 127 : 1; }

// And to 129: a little more than that, and half of what there is room for up to 127.
int Overfull(Rng& /*rng*/, int64_t byte) { return byte % 2 == 0 ? 64 : 65; }

// As often 130: more than that half.
int Around(Rng& rng, int64_t byte) {
  return byte % 2 == 0 ? 64 : static_cast<int>(rng.Int(64, 66));
}

int Sparse(Rng& rng, int64_t /*byte*/) {
  const auto weight = static_cast<int>(rng.Int(-128, 127));
  return rng.OneIn(4) ? weight : 0;
}

int Zero(Rng& /*rng*/, int64_t /*byte*/) { return 0; }

}  // namespace

const std::vector<ChainWeights>& AllChainWeights() {
  static const std::vector<ChainWeights> kinds = {{"laplace", Laplace},
                                                  {"uniform", Uniform},
                                                  {"small", Small},
                                                  {"outliers", Outliers},
                                                  {"extremes", Extremes},
                                                  {"largest", Largest},
                                                  {"least", Least},
                                                  {"alternating", Alternating},
                                                  {"alternating_pairs", AlternatingPairs},
                                                  {"full", Full},
                                                  {"overfull", Overfull},
                                                  {"around", Around},
                                                  {"sparse", Sparse},
                                                  {"zero", Zero}};
  return kinds;
}

void PrintTo(const ChainWeights& weights, std::ostream* out) { *out << weights.name; }

std::vector<ChainWeightsAndMaximum> AllChainWeightsAndMaxima() {
  std::vector<ChainWeightsAndMaximum> all;
  for (const ChainWeights& kind : AllChainWeights()) {
    for (const int32_t maximum : {255, 254, 128, 127, 1, 0}) all.emplace_back(kind, maximum);
  }
  return all;
}

std::string ChainWeightsAndMaximumName(
    const ::testing::TestParamInfo<ChainWeightsAndMaximum>& info) {
  const auto& [kind, maximum] = info.param;
  return std::string(kind.name) + "_" + std::to_string(maximum);
}

std::vector<int8_t> DrawTap(const ChainWeights& kind, int bytes, int lanes, uint64_t seed) {
  Rng rng(seed);
  const bool tails = rng.OneIn(2);
  const int64_t last_lane = tails ? rng.Int(1, lanes) : lanes;
  const int64_t last_byte = tails ? rng.Int(bytes - 3, bytes) : bytes;
  std::vector<int8_t> weights;
  for (int byte = 0; byte < bytes; ++byte) {
    for (int lane = 0; lane < lanes; ++lane) {
      const int weight = kind.draw(rng, byte);
      weights.push_back(static_cast<int8_t>(byte < last_byte && lane < last_lane ? weight : 0));
    }
  }
  return weights;
}

}  // namespace qconv::test
