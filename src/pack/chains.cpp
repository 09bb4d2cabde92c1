#include "pack/chains.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;
using kernels::kMaxLinks;

constexpr size_t kPairBytes = 2;

// Links among which chains choose. The work grows with the square; of more, chains gain 1 %.
constexpr size_t kChoice = 64;

// The weight of the pairs of a link or chain.
class Load {
 public:
  explicit Load(const Link& link) : pairs_(2 * link.weights.size() / kPairBytes) {
    const size_t negative = pairs_.size() / 2;
    for (size_t i = 0; i < link.weights.size(); ++i) {
      const int32_t w = link.weights[i];
      pairs_[(w > 0 ? 0 : negative) + i / kPairBytes] += std::abs(w);
    }
  }

  void Add(const Load& other) {
    std::transform(pairs_.begin(), pairs_.end(), other.pairs_.begin(), pairs_.begin(),
                   std::plus<>());
  }
  bool HasRoomFor(const Load& other, int32_t room) const {
    return std::equal(pairs_.begin(), pairs_.end(), other.pairs_.begin(),
                      [room](int32_t a, int32_t b) { return a + b <= room; });
  }
  int32_t Heaviest() const { return *std::max_element(pairs_.begin(), pairs_.end()); }
  int32_t Total() const { return std::accumulate(pairs_.begin(), pairs_.end(), 0); }

 private:
  std::vector<int32_t> pairs_;  // [sign][lane][pair], magnitudes
};

// Appends the chains of some links: the one with the heaviest pair, then, time and again, that with
// the most weight that fits beside it.
void ChainUp(std::span<Link> links, int32_t room, std::vector<Chain>& chains) {
  struct Candidate {
    int32_t total, heaviest;
    size_t link;
  };
  const std::vector<Load> loads(links.begin(), links.end());
  std::vector<Candidate> left;
  for (const Load& load : loads) left.push_back({load.Total(), load.Heaviest(), left.size()});
  std::sort(left.begin(), left.end(), [](const Candidate& a, const Candidate& b) {
    return a.total != b.total ? a.total > b.total : a.link < b.link;
  });
  while (!left.empty()) {
    auto next = std::max_element(
        left.begin(), left.end(),
        [](const Candidate& a, const Candidate& b) { return a.heaviest < b.heaviest; });
    Load load = loads[next->link];
    Chain chain;
    for (;;) {
      chain.push_back(std::move(links[next->link]));
      left.erase(next);
      if (chain.size() == kMaxLinks) break;
      next = std::find_if(left.begin(), left.end(), [&](const Candidate& candidate) {
        return load.HasRoomFor(loads[candidate.link], room);
      });
      if (next == left.end()) break;
      load.Add(loads[next->link]);
    }
    chains.push_back(std::move(chain));
  }
}

// What another panel takes for a row, in vector instructions: its stores, and loops whose ends are
// hard to predict. Fitted to 1x1 layers of 16 to 64 channels.
constexpr int64_t kPanelInstructions = 12;

// Appends a list of chains, the longest first.
void AppendList(const std::vector<Chain>& chains, PanelChains& panel) {
  kernels::ChainList list = {.weights = static_cast<int64_t>(panel.weights.size()),
                             .links = 0,
                             .first_link = static_cast<int64_t>(panel.inputs.size()),
                             .counts = {}};
  for (size_t length = kMaxLinks; length > 0; --length) {
    for (const Chain& chain : chains) {
      if (chain.size() != length) continue;
      ++list.counts[length - 1];
      for (const Link& link : chain) {
        ++list.links;
        panel.inputs.push_back(static_cast<int32_t>(link.input));
        panel.taps.push_back(static_cast<int16_t>(link.tap));
        panel.weights.insert(panel.weights.end(), link.weights.begin(), link.weights.end());
      }
    }
  }
  panel.lists.push_back(list);
}

// The weights of bytes [begin, end) of a tap, [byte][lane].
std::vector<int8_t> ReadBytes(const PackedLayer& layer, const WeightReader& reader,
                              const Panel& panel, int64_t tap, int64_t begin, int64_t end) {
  std::vector<int8_t> weights;
  for (int64_t byte = begin; byte < end; ++byte) {
    for (int lane = 0; lane < layer.kernels->lanes; ++lane) {
      weights.push_back(
          static_cast<int8_t>(reader.Get(panel, ColumnInPanel(1, 0, lane), tap, byte)));
    }
  }
  return weights;
}

// The links of a tap. Deep ones are covered a part at a time, which takes memory for a part only.
std::vector<Link> CoverPanelTap(const PackedLayer& layer, const WeightReader& reader,
                                const Panel& panel, int64_t tap) {
  constexpr int64_t kPart = 4096;
  const int64_t bytes = layer.groups[static_cast<size_t>(panel.group)].depth_groups * kDepthGroup;
  std::vector<Link> links;
  for (int64_t begin = 0; begin < bytes; begin += kPart) {
    const int64_t end = std::min(begin + kPart, bytes);
    for (Link& link : CoverTap(tap, ReadBytes(layer, reader, panel, tap, begin, end),
                               layer.kernels->lanes, ChainRoom(layer.input_maximum))) {
      link.input += begin;
      links.push_back(std::move(link));
    }
  }
  return links;
}

}  // namespace

int32_t ChainRoom(int32_t input_maximum) {
  constexpr int32_t kLargestInt16 = std::numeric_limits<int16_t>::max();
  return kLargestInt16 / std::max(input_maximum, 1);
}

std::vector<Chain> MakeChains(std::vector<Link> links, int32_t room) {
  std::vector<Chain> chains;
  for (std::span<Link> rest = links; !rest.empty();) {
    const size_t count = std::min(kChoice, rest.size());
    ChainUp(rest.first(count), room, chains);
    rest = rest.subspan(count);
  }
  return chains;
}

bool HasWholeChains(const PackedLayer& layer) {
  // Deeper taps fill their chains by themselves.
  constexpr int64_t kShallow = 32;
  const int64_t groups = layer.groups[0].depth_groups, taps = layer.GridTaps();
  // All but the first and the last link of a tap have two bytes at least.
  const int64_t most_links = 2 * groups + 1;
  return taps > 1 && groups <= kShallow && taps <= kernels::kMaxWholeTaps &&
         most_links * taps <= kernels::kMaxWholeLinks;
}

bool FitsChains(const ChannelGroup& group) {
  return group.tap_bytes <= std::numeric_limits<int32_t>::max() - kDepthGroup;
}

PanelChains MakePanelChains(const PackedLayer& layer, const WeightReader& reader,
                            const Panel& panel) {
  const int32_t room = ChainRoom(layer.input_maximum);
  std::vector<std::vector<Link>> links;  // of each tap
  for (int64_t tap = 0; tap < layer.GridTaps(); ++tap) {
    links.push_back(CoverPanelTap(layer, reader, panel, tap));
  }
  PanelChains result;
  result.instructions = kPanelInstructions;
  if (HasWholeChains(layer)) {
    std::vector<Link> all;
    for (const std::vector<Link>& tap : links) all.insert(all.end(), tap.begin(), tap.end());
    AppendList(MakeChains(std::move(all), room), result);
    result.instructions += ListInstructions(result.lists.back());
  }
  for (std::vector<Link>& tap : links) {
    AppendList(MakeChains(std::move(tap), room), result);
    if (!HasWholeChains(layer)) result.instructions += ListInstructions(result.lists.back());
  }
  return result;
}

int64_t ListInstructions(const kernels::ChainList& list) {
  // Each link is multiplied; all but a chain's first are added to it. Two more add it to an int32.
  const int64_t chains =
      std::accumulate(std::begin(list.counts), std::end(list.counts), int64_t{0});
  return 2 * list.links + chains;
}

int64_t DotInstructions(const PackedLayer& layer, const Panel& panel) {
  // One for a depth group and vector; or two for each of its halves and two to widen the input.
  const int64_t vectors = layer.kernels->shapes[panel.shape].vectors;
  const int64_t per_group = HasDotProduct(*layer.kernels) ? vectors : 4 * vectors + 2;
  return layer.GridTaps() * layer.groups[static_cast<size_t>(panel.group)].depth_groups * per_group;
}

}  // namespace qconv::pack
