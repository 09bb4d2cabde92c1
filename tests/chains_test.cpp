// Chains: links add up to the weights, there are no more of them than there must be, and the proof
// holds: summed in int16, as vpmaddubsw and vpaddw do, nothing saturates for any input, and a
// weight more would.
#include "pack/chains.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "chain_weights.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::kMaxLinks;
using pack::Chain;
using pack::ChainRoom;
using pack::Link;

int Weight(const Link& link, int lane, int byte) {
  return link.weights[static_cast<size_t>(lane * kDepthGroup + byte)];
}

// The input that makes most of a weight's sign.
enum class Sign { kPositive, kNegative, kBoth };

int Input(Sign sign, int weight, int maximum) {
  if (sign == Sign::kBoth) return maximum;
  return (sign == Sign::kPositive) == (weight > 0) ? maximum : 0;
}

// A pair of a chain, and the same in int32.
struct Sums {
  int16_t chained = 0;
  int32_t exact = 0;
};

Sums SumPair(const Chain& chain, int lane, int pair, Sign sign, int maximum) {
  Sums sums;
  for (const Link& link : chain) {
    int32_t products = 0;
    for (const int byte : {2 * pair, 2 * pair + 1}) {
      const int weight = Weight(link, lane, byte);
      products += Input(sign, weight, maximum) * weight;
    }
    sums.exact += products;
    const auto saturated = static_cast<int16_t>(std::clamp(products, -32768, 32767));
    sums.chained = static_cast<int16_t>(sums.chained + saturated);  // wraps
  }
  return sums;
}

bool IsExact(const Chain& chain, int lane, int pair, int maximum) {
  const auto signs = {Sign::kPositive, Sign::kNegative, Sign::kBoth};
  return std::all_of(signs.begin(), signs.end(), [&](Sign sign) {
    const Sums sums = SumPair(chain, lane, pair, sign, maximum);
    return sums.chained == sums.exact;
  });
}

Link OneWeight(int weight) {
  return {.tap = 0, .input = 0, .weights = {static_cast<int8_t>(weight), 0, 0, 0}};
}

// Links of one lane and up to 127 each, whose first bytes add up to `sum`.
Chain Adding(int sum) {
  Chain chain;
  for (; sum > 0; sum -= 127) chain.push_back(OneWeight(std::min(sum, 127)));
  return chain;
}

TEST(ChainRoom, Values) {
  EXPECT_EQ(ChainRoom(255), 128);
  EXPECT_EQ(ChainRoom(254), 129);
  EXPECT_EQ(ChainRoom(128), 255);
  EXPECT_EQ(ChainRoom(127), 258);
  EXPECT_EQ(ChainRoom(1), 32767);
  EXPECT_EQ(ChainRoom(0), 32767);
}

TEST(ChainRoom, IsAllThatThereIs) {
  for (int maximum = 1; maximum <= 255; ++maximum) {
    const int room = ChainRoom(maximum);
    EXPECT_GE(room, 128);  // any weight alone
    EXPECT_TRUE(IsExact(Adding(room), 0, 0, maximum)) << maximum;
    EXPECT_FALSE(IsExact(Adding(room + 1), 0, 0, maximum)) << maximum;
  }
}

TEST(ChainRoom, IsUsedUp) {
  for (const int maximum : {255, 128, 127, 100}) {
    const int room = ChainRoom(maximum);
    for (const int sign : {1, -1}) {
      const auto chains = [&](int sum) {
        const int first = sum / 3, second = sum / 3, third = sum - first - second;
        return pack::MakeChains(
            {OneWeight(sign * first), OneWeight(sign * second), OneWeight(sign * third)}, room);
      };
      EXPECT_EQ(chains(room).size(), 1u) << maximum;
      EXPECT_EQ(chains(room + 1).size(), 2u) << maximum;
    }
  }
}

class Chains : public testing::TestWithParam<test::ChainWeightsAndMaximum> {};

TEST_P(Chains, HaveTheLinksAndKeepToTheRoom) {
  const int32_t maximum = std::get<1>(GetParam());
  const int32_t room = ChainRoom(maximum);
  test::ForEachTap(std::get<0>(GetParam()), [&](const std::vector<int8_t>& weights, int lanes) {
    const std::vector<Link> links = pack::CoverTap(0, weights, lanes, room);
    std::multiset<std::pair<int64_t, std::vector<int8_t>>> expected, chained;
    for (const Link& link : links) expected.emplace(link.input, link.weights);
    for (const Chain& chain : pack::MakeChains(links, room)) {
      ASSERT_GE(chain.size(), 1u);
      ASSERT_LE(chain.size(), static_cast<size_t>(kMaxLinks));
      for (const Link& link : chain) chained.emplace(link.input, link.weights);
      for (int lane = 0; lane < lanes; ++lane) {
        for (const int pair : {0, 1}) {
          int positive = 0, negative = 0;
          for (const Link& link : chain) {
            for (const int byte : {2 * pair, 2 * pair + 1}) {
              const int weight = Weight(link, lane, byte);
              (weight > 0 ? positive : negative) += weight;
            }
          }
          ASSERT_LE(positive, room);
          ASSERT_GE(negative, -room);
          ASSERT_TRUE(IsExact(chain, lane, pair, maximum)) << "lane " << lane;
        }
      }
    }
    EXPECT_EQ(chained, expected);
  });
}

INSTANTIATE_TEST_SUITE_P(Weights, Chains, testing::ValuesIn(test::AllChainWeightsAndMaxima()),
                         test::ChainWeightsAndMaximumName);

TEST(MakeChains, OfEveryLength) {
  // As many links as a sum of 128 has room for.
  for (const auto& [weight, length] :
       std::map<int, size_t>{{65, 1}, {43, 2}, {33, 3}, {32, 4}, {1, 4}}) {
    const std::vector<Chain> chains =
        pack::MakeChains(std::vector<Link>(12, OneWeight(weight)), ChainRoom(255));
    EXPECT_EQ(chains.size(), 12 / length) << weight;
    for (const Chain& chain : chains) EXPECT_EQ(chain.size(), length) << weight;
  }
  EXPECT_TRUE(pack::MakeChains({}, ChainRoom(255)).empty());
}

// Weights of both signs have room beside each other.
TEST(MakeChains, SignsDoNotAddUp) {
  const std::vector<Link> links = {OneWeight(127), OneWeight(-128), OneWeight(1)};
  EXPECT_EQ(pack::MakeChains(links, ChainRoom(255)).size(), 1u);
}

}  // namespace
}  // namespace qconv
