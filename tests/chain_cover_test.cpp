// CoverTap: the links add up to the weights, and there are no more of them than there must be.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "chain_weights.h"
#include "pack/chains.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using pack::ChainRoom;
using pack::Link;

constexpr int64_t kTap = 5;

class CoverTap : public testing::TestWithParam<test::ChainWeightsAndMaximum> {};

TEST_P(CoverTap, AddsUpToTheWeights) {
  const auto& [kind, maximum] = GetParam();
  const int32_t room = ChainRoom(maximum);
  test::ForEachTap(kind, [&](const std::vector<int8_t>& weights, int lanes) {
    const auto bytes = static_cast<int64_t>(weights.size()) / lanes;
    std::vector<int> sums(weights.size());
    const std::vector<Link> links = pack::CoverTap(kTap, weights, lanes, room);
    EXPECT_LE(links.size(), static_cast<size_t>(bytes / 2 + 1));
    for (const Link& link : links) {
      ASSERT_EQ(link.tap, kTap);
      ASSERT_GE(link.input, 0);
      ASSERT_LE(link.input, bytes - kDepthGroup);
      ASSERT_EQ(link.weights.size(), static_cast<size_t>(lanes * kDepthGroup));
      for (int lane = 0; lane < lanes; ++lane) {
        for (int i = 0; i < kDepthGroup; ++i) {
          sums[static_cast<size_t>((link.input + i) * lanes + lane)] +=
              link.weights[static_cast<size_t>(lane * kDepthGroup + i)];
        }
      }
    }
    EXPECT_EQ(sums, std::vector<int>(weights.begin(), weights.end()));
  });
}

INSTANTIATE_TEST_SUITE_P(Weights, CoverTap, testing::ValuesIn(test::AllChainWeightsAndMaxima()),
                         test::ChainWeightsAndMaximumName);

// The fewest links of neighbouring bytes, by trying them all. Sets of bytes are bit masks.
int FewestLinks(const std::vector<int8_t>& weights, int lanes, int room) {
  const int bytes = static_cast<int>(weights.size()) / lanes;
  const auto at = [&](int byte, int lane) {
    return weights[static_cast<size_t>(byte * lanes + lane)];
  };
  unsigned used = 0;
  std::vector<unsigned> links;
  for (int place = 0; place + kDepthGroup <= bytes; ++place) {
    for (int begin = place; begin < place + kDepthGroup; ++begin) {
      for (int end = begin + 1; end <= place + kDepthGroup; ++end) {
        bool fits = true;
        for (int lane = 0; lane < lanes; ++lane) {
          for (int byte = begin; byte < end; ++byte) {
            if (at(byte, lane) != 0) used |= 1u << byte;
            if ((byte - place) % 2 == 1 || byte + 1 == end) continue;
            fits = fits && std::abs(at(byte, lane) + at(byte + 1, lane)) <= room;
          }
        }
        if (fits) links.push_back((1u << end) - (1u << begin));
      }
    }
  }
  std::set<unsigned> reached = {0};
  for (int count = 0;; ++count) {
    std::set<unsigned> next;
    for (const unsigned set : reached) {
      if ((set & used) == used) return count;
      for (const unsigned link : links) next.insert(set | link);
    }
    reached = std::move(next);
  }
}

TEST(CoverTapLinks, AreAsFewAsThereCanBe) {
  uint64_t seed = 1;
  std::set<int> counts;
  for (const test::ChainWeights& kind : test::AllChainWeights()) {
    for (const int lanes : {1, 2}) {
      for (int i = 0; i < 40; ++i) {
        const std::vector<int8_t> weights = test::DrawTap(kind, 8, lanes, seed++);
        const int fewest = FewestLinks(weights, lanes, ChainRoom(255));
        EXPECT_EQ(pack::CoverTap(0, weights, lanes, ChainRoom(255)).size(),
                  static_cast<size_t>(fewest))
            << kind.name << ", " << lanes << " lanes, " << testing::PrintToString(weights);
        counts.insert(fewest);
      }
    }
  }
  EXPECT_EQ(counts, (std::set<int>{0, 1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace qconv
