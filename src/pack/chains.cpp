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

constexpr int kPairs = 2;  // of a lane

// Groups among which chains choose. The work grows with the square; more give no longer chains.
constexpr int64_t kWindow = 64;

// The weight of pairs, by sign.
struct Load {
  std::vector<int32_t> positive, negative;  // [lane][pair], magnitudes

  explicit Load(size_t pairs, int32_t fill = 0) : positive(pairs, fill), negative(pairs, fill) {}

  bool FitsIn(const Load& room) const {
    for (size_t p = 0; p < positive.size(); ++p) {
      if (positive[p] > room.positive[p] || negative[p] > room.negative[p]) return false;
    }
    return true;
  }
  int32_t Largest() const {
    return std::max(*std::max_element(positive.begin(), positive.end()),
                    *std::max_element(negative.begin(), negative.end()));
  }
  int64_t Total() const {
    return std::accumulate(positive.begin(), positive.end(), int64_t{0}) +
           std::accumulate(negative.begin(), negative.end(), int64_t{0});
  }
};

// What is left of a depth group.
class Remainder {
 public:
  Remainder(int64_t group, std::span<const int32_t> weights)
      : group_(group), weights_(weights.begin(), weights.end()), load_(weights.size() / kPairs) {
    Weigh();
  }

  int64_t group() const { return group_; }
  int64_t total() const { return total_; }
  int32_t largest() const { return largest_; }
  bool FitsIn(const Load& room) const { return in_s8_ && load_.FitsIn(room); }

  // How much of the weight there is room for; 0 if what is left would not fit an empty chain.
  int64_t Placeable(const Load& room, const Load& full) const {
    int64_t placed = 0;
    for (size_t p = 0; p < load_.positive.size(); ++p) {
      const int32_t positive = std::min(load_.positive[p], room.positive[p]);
      const int32_t negative = std::min(load_.negative[p], room.negative[p]);
      if (load_.positive[p] - positive > full.positive[p]) return 0;
      if (load_.negative[p] - negative > full.negative[p]) return 0;
      placed += positive + negative;
    }
    return placed;
  }

  // Takes as much as there is room for.
  Link Take(Load& room) {
    Link link{.group = group_, .weights = std::vector<int8_t>(weights_.size())};
    for (size_t i = 0; i < weights_.size(); ++i) {
      const size_t pair = i / kPairs;
      const int32_t most = std::min(room.positive[pair], 127);
      const int32_t least = -std::min(room.negative[pair], 128);
      const int32_t taken = std::clamp(weights_[i], least, most);
      (taken > 0 ? room.positive : room.negative)[pair] -= std::abs(taken);
      link.weights[i] = static_cast<int8_t>(taken);
      weights_[i] -= taken;
    }
    Weigh();
    return link;
  }

 private:
  void Weigh() {
    load_ = Load(load_.positive.size());
    for (size_t i = 0; i < weights_.size(); ++i) {
      (weights_[i] > 0 ? load_.positive : load_.negative)[i / kPairs] += std::abs(weights_[i]);
    }
    total_ = load_.Total();
    largest_ = load_.Largest();
    in_s8_ = std::all_of(weights_.begin(), weights_.end(),
                         [](int32_t w) { return w >= -128 && w <= 127; });
  }

  int64_t group_;
  std::vector<int32_t> weights_;  // [lane][4]
  Load load_;
  int64_t total_;
  int32_t largest_;
  bool in_s8_;
};

// The depth groups of a window that are not in chains yet.
class Window {
 public:
  Window(int lanes, int32_t room) : full_(static_cast<size_t>(lanes * kPairs), room) {}

  bool Empty() const { return groups_.empty(); }
  void Add(Remainder group) {
    if (group.total() > 0) groups_.push_back(std::move(group));
  }

  Chain MakeChain() {
    Chain chain;
    Load room = full_;
    while (chain.size() < kMaxLinks) {
      const auto best = Choose(chain, room);
      if (best == groups_.end()) break;
      chain.push_back(best->Take(room));
      if (best->total() == 0) groups_.erase(best);
    }
    return chain;
  }

 private:
  using Groups = std::vector<Remainder>;

  // The next link of a chain: the group with the heaviest pair to begin with, then those of the
  // most weight that fit whole. When none does, of a group that must be shared out in any case the
  // one with the most weight to place here, so long as its next part is the last.
  Groups::iterator Choose(const Chain& chain, const Load& room) {
    auto best = groups_.end();
    int64_t most = 0;
    for (auto group = groups_.begin(); group != groups_.end(); ++group) {
      const int64_t weight =
          chain.empty() ? kPairFirst * group->largest() + group->total() : group->total();
      if (weight > most && group->FitsIn(room) && !Has(chain, *group)) {
        best = group;
        most = weight;
      }
    }
    if (best != groups_.end()) return best;
    for (auto group = groups_.begin(); group != groups_.end(); ++group) {
      if (group->FitsIn(full_) || Has(chain, *group)) continue;
      const int64_t weight = group->Placeable(room, full_);
      if (weight > most || (chain.empty() && best == groups_.end())) {
        best = group;
        most = weight;
      }
    }
    return best;
  }

  static bool Has(const Chain& chain, const Remainder& group) {
    return std::any_of(chain.begin(), chain.end(),
                       [&](const Link& link) { return link.group == group.group(); });
  }

  static constexpr int64_t kPairFirst = int64_t{1} << 32;

  Groups groups_;
  const Load full_;
};

int64_t Instructions(const std::vector<Chain>& chains) {
  int64_t count = 0;
  for (const Chain& chain : chains) count += 2 * static_cast<int64_t>(chain.size()) + 1;
  return count;
}

}  // namespace

int32_t ChainRoom(int32_t input_maximum) {
  constexpr int32_t kLargestInt16 = std::numeric_limits<int16_t>::max();
  return kLargestInt16 / std::max(input_maximum, 1);
}

std::vector<Chain> MakeChains(std::span<const int32_t> weights, int lanes, int32_t room) {
  const auto group_size = static_cast<size_t>(lanes * kDepthGroup);
  const auto groups = static_cast<int64_t>(weights.size() / group_size);
  std::vector<Chain> chains;
  for (int64_t begin = 0; begin < groups; begin += kWindow) {
    Window window(lanes, room);
    for (int64_t g = begin; g < std::min(begin + kWindow, groups); ++g) {
      window.Add({g, weights.subspan(static_cast<size_t>(g) * group_size, group_size)});
    }
    while (!window.Empty()) chains.push_back(window.MakeChain());
  }
  return chains;
}

PanelChains MakePanelChains(const PackedLayer& layer, const WeightReader& reader,
                            const Panel& panel) {
  const int lanes = layer.kernels->lanes;
  const int64_t groups = layer.groups[static_cast<size_t>(panel.group)].depth_groups;
  PanelChains result;
  std::vector<int32_t> weights(static_cast<size_t>(groups * lanes * kDepthGroup));
  for (int64_t tap = 0; tap < layer.GridTaps(); ++tap) {
    auto next = weights.begin();
    for (int64_t group = 0; group < groups; ++group) {
      for (int lane = 0; lane < lanes; ++lane) {
        for (int i = 0; i < kDepthGroup; ++i) {
          *next++ = reader.Get(panel, ColumnInPanel(1, 0, lane), tap, group * kDepthGroup + i);
        }
      }
    }
    std::vector<Chain> chains = MakeChains(weights, lanes, ChainRoom(layer.input_maximum));
    std::stable_sort(chains.begin(), chains.end(),
                     [](const Chain& a, const Chain& b) { return a.size() > b.size(); });
    kernels::TapChains counts = {.weights = static_cast<int64_t>(result.weights.size()),
                                 .inputs = static_cast<int64_t>(result.inputs.size()),
                                 .counts = {}};
    for (const Chain& chain : chains) {
      ++counts.counts[chain.size() - 1];
      for (const Link& link : chain) {
        result.inputs.push_back(static_cast<int32_t>(link.group * kDepthGroup));
        result.weights.insert(result.weights.end(), link.weights.begin(), link.weights.end());
      }
    }
    result.taps.push_back(counts);
    result.instructions += Instructions(chains);
  }
  return result;
}

int64_t WidenedInstructions(const PackedLayer& layer, const Panel& panel) {
  // Two for each of the two halves of a depth group and vector; two to widen the input.
  const int64_t per_group = 4 * layer.kernels->shapes[panel.shape].vectors + 2;
  return layer.GridTaps() * layer.groups[static_cast<size_t>(panel.group)].depth_groups * per_group;
}

}  // namespace qconv::pack
