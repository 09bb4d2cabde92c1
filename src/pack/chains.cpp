#include "pack/chains.h"

#include <algorithm>
#include <cstdlib>
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
  explicit Load(const Link& link)
      : positive_(link.weights.size() / kPairBytes), negative_(positive_.size()) {
    for (size_t i = 0; i < link.weights.size(); ++i) {
      const int32_t w = link.weights[i];
      (w > 0 ? positive_ : negative_)[i / kPairBytes] += std::abs(w);
    }
  }

  void Add(const Load& other) {
    for (size_t p = 0; p < positive_.size(); ++p) {
      positive_[p] += other.positive_[p];
      negative_[p] += other.negative_[p];
    }
  }
  bool HasRoomFor(const Load& other, int32_t room) const {
    for (size_t p = 0; p < positive_.size(); ++p) {
      if (positive_[p] + other.positive_[p] > room) return false;
      if (negative_[p] + other.negative_[p] > room) return false;
    }
    return true;
  }
  int32_t Heaviest() const {
    return std::max(*std::max_element(positive_.begin(), positive_.end()),
                    *std::max_element(negative_.begin(), negative_.end()));
  }
  int64_t Total() const {
    return std::accumulate(positive_.begin(), positive_.end(), int64_t{0}) +
           std::accumulate(negative_.begin(), negative_.end(), int64_t{0});
  }

 private:
  std::vector<int32_t> positive_, negative_;  // [lane][pair], magnitudes
};

// Appends the chains of some links: the one with the heaviest pair, then, time and again, that with
// the most weight that fits beside it.
void ChainUp(std::vector<Link> links, int32_t room, std::vector<Chain>& chains) {
  std::vector<std::pair<Load, Link>> left;
  for (Link& link : links) {
    const Load load(link);
    left.emplace_back(load, std::move(link));
  }
  std::stable_sort(left.begin(), left.end(),
                   [](const auto& a, const auto& b) { return a.first.Total() > b.first.Total(); });
  while (!left.empty()) {
    auto next = std::max_element(left.begin(), left.end(), [](const auto& a, const auto& b) {
      return a.first.Heaviest() < b.first.Heaviest();
    });
    Load load = next->first;
    Chain chain;
    for (;;) {
      chain.push_back(std::move(next->second));
      left.erase(next);
      if (chain.size() == kMaxLinks) break;
      next = std::find_if(left.begin(), left.end(),
                          [&](const auto& link) { return load.HasRoomFor(link.first, room); });
      if (next == left.end()) break;
      load.Add(next->first);
    }
    chains.push_back(std::move(chain));
  }
}

// What another panel takes for a row, in vector instructions: its stores, and loops whose ends are
// hard to predict. Fitted to 1x1 layers of 16 to 64 channels.
constexpr int64_t kPanelInstructions = 12;

// Appends a list of chains, the longest first.
void AppendList(std::vector<Chain> chains, PanelChains& panel) {
  std::stable_sort(chains.begin(), chains.end(),
                   [](const Chain& a, const Chain& b) { return a.size() > b.size(); });
  kernels::ChainList list = {.weights = static_cast<int64_t>(panel.weights.size()),
                             .links = 0,
                             .first_link = static_cast<int64_t>(panel.inputs.size()),
                             .counts = {}};
  for (const Chain& chain : chains) {
    ++list.counts[chain.size() - 1];
    for (const Link& link : chain) {
      ++list.links;
      panel.inputs.push_back(static_cast<int32_t>(link.input));
      panel.taps.push_back(static_cast<int16_t>(link.tap));
      panel.weights.insert(panel.weights.end(), link.weights.begin(), link.weights.end());
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
  for (size_t begin = 0; begin < links.size(); begin += kChoice) {
    const size_t end = std::min(begin + kChoice, links.size());
    const auto first = std::make_move_iterator(links.begin());
    ChainUp({first + static_cast<int64_t>(begin), first + static_cast<int64_t>(end)}, room, chains);
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
