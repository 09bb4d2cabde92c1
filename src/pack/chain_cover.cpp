// CoverTap of chains.h: which four bytes make a link.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "pack/chains.h"

namespace qconv::pack {
namespace {

using kernels::kDepthGroup;

constexpr int kPairBytes = 2;

// Covers a tap; see CoverTap.
class Cover {
 public:
  Cover(std::span<const int8_t> weights, int lanes, int32_t room)
      : weights_(weights), lanes_(lanes), bytes_(static_cast<int>(weights.size()) / lanes) {
    for (int byte = 0; byte < bytes_; ++byte) {
      light_.push_back(byte + 1 == bytes_ || PairIsLight(byte, room));
      used_.push_back(IsUsed(byte));
    }
    Plan();
  }

  std::vector<Link> Links(int64_t tap) const {
    std::vector<Link> links;
    for (int byte = 0; byte < bytes_;) {
      const Step& step = steps_[static_cast<size_t>(byte)];
      if (step.place >= 0) links.push_back(MakeLink(tap, step.place, byte, step.next));
      byte = step.next;
    }
    return links;
  }

 private:
  // The best that can be done once all bytes before some byte are covered.
  struct Step {
    int links;  // for the rest
    int place;  // of the first of them; -1: none for this byte
    int next;   // first byte that it leaves
  };

  int32_t At(int byte, int lane) const {
    return weights_[static_cast<size_t>(byte * lanes_ + lane)];
  }
  bool IsUsed(int byte) const {
    for (int lane = 0; lane < lanes_; ++lane) {
      if (At(byte, lane) != 0) return true;
    }
    return false;
  }
  // Of the weights of a byte and the next.
  bool PairIsLight(int byte, int32_t room) const {
    for (int lane = 0; lane < lanes_; ++lane) {
      if (std::abs(At(byte, lane) + At(byte + 1, lane)) > room) return false;
    }
    return true;
  }

  // From the last byte to the first.
  void Plan() {
    steps_.assign(static_cast<size_t>(bytes_) + 1, {.links = 0, .place = -1, .next = bytes_});
    for (int byte = bytes_ - 1; byte >= 0; --byte) {
      Step best = {.links = std::numeric_limits<int>::max(), .place = -1, .next = byte + 1};
      if (!used_[static_cast<size_t>(byte)]) {
        best.links = steps_[static_cast<size_t>(byte) + 1].links;
      } else {
        const int first = std::max(byte - kDepthGroup + 1, 0);
        for (int place = std::min(byte, bytes_ - kDepthGroup); place >= first; --place) {
          const int next = Reach(byte, place);
          const int links = 1 + steps_[static_cast<size_t>(next)].links;
          if (links < best.links) best = {.links = links, .place = place, .next = next};
        }
      }
      steps_[static_cast<size_t>(byte)] = best;
    }
  }

  // The first byte from `byte` on that a link at `place` cannot have.
  int Reach(int byte, int place) const {
    int next = byte + 1;
    for (; next < place + kDepthGroup; ++next) {
      const bool second = (next - place) % kPairBytes == 1;
      if (second && next > byte && !light_[static_cast<size_t>(next) - 1]) break;
    }
    return next;
  }

  Link MakeLink(int64_t tap, int place, int begin, int end) const {
    Link link{.tap = tap, .input = place, .weights = {}};
    for (int lane = 0; lane < lanes_; ++lane) {
      for (int byte = place; byte < place + kDepthGroup; ++byte) {
        const bool covers = byte >= begin && byte < end;
        link.weights.push_back(static_cast<int8_t>(covers ? At(byte, lane) : 0));
      }
    }
    return link;
  }

  std::span<const int8_t> weights_;  // [byte][lane]
  const int lanes_, bytes_;
  std::vector<bool> light_, used_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Link> CoverTap(int64_t tap, std::span<const int8_t> weights, int lanes, int32_t room) {
  return Cover(weights, lanes, room).Links(tap);
}

}  // namespace qconv::pack
