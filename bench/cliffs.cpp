#include "cliffs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "statistics.h"
#include "summarize.h"

namespace qconv::bench {
namespace {

constexpr double kMostTimesSlower = 4;
constexpr size_t kWorst = 10;

// Speeds of the layers of a kind, in GMAC/s.
struct Spread {
  std::vector<double> gmacs;

  double median() const { return Median(gmacs); }
  double slowest() const { return *std::min_element(gmacs.begin(), gmacs.end()); }
  double times() const { return median() / slowest(); }
};

struct CliffSummary {
  std::string name;
  std::vector<const LayerResult*> results;
  Spread ours;
  Spread peers;  // of the layers that it ran
  GeometricMean ratio;

  void Add(const LayerResult& result) {
    results.push_back(&result);
    ours.gmacs.push_back(result.gmacs());
    if (!result.peer) return;
    peers.gmacs.push_back(result.gmac() / (result.peer->ms * 1e-3));
    ratio.Add(result.peer->ratio);
  }
  bool IsWithin() const { return ours.times() <= kMostTimesSlower; }
};

struct Fall {
  double times = 0;  // slower than the median of the kind
  const LayerResult* result = nullptr;
};

void PrintKinds(const std::vector<CliffSummary>& kinds, const std::string& peer) {
  fmt::print("\n{:<20} {:>6} {:>8} {:>8} {:>6}", "kind (GMAC/s)", "layers", "median", "slowest",
             "times");
  if (!peer.empty()) fmt::print(" {:>10} {:>8} {:>6} {:>7}", peer, "slowest", "times", "ratio");
  fmt::print("  within {} times\n", kMostTimesSlower);
  for (const CliffSummary& k : kinds) {
    fmt::print("{:<20} {:>6} {:>8.2f} {:>8.2f} {:>6.2f}", k.name, k.results.size(), k.ours.median(),
               k.ours.slowest(), k.ours.times());
    const size_t compared = k.peers.gmacs.size();
    if (compared > 0) {
      fmt::print(" {:>10.2f} {:>8.2f} {:>6.2f} {:>7.3f}", k.peers.median(), k.peers.slowest(),
                 k.peers.times(), k.ratio.value());
    } else if (!peer.empty()) {
      fmt::print(" {:>10} {:>8} {:>6} {:>7}", "-", "-", "-", "-");
    }
    fmt::print("  {}", k.IsWithin() ? "yes" : "no");
    if (!peer.empty() && compared < k.results.size()) fmt::print(" ({} compared)", compared);
    fmt::print("\n");
  }
}

void PrintWorst(const std::vector<CliffSummary>& kinds) {
  std::vector<Fall> falls;
  for (const CliffSummary& k : kinds) {
    const double median = k.ours.median();
    for (const LayerResult* result : k.results) falls.push_back({median / result->gmacs(), result});
  }
  std::sort(falls.begin(), falls.end(),
            [](const Fall& a, const Fall& b) { return a.times > b.times; });
  falls.resize(std::min(falls.size(), kWorst));
  fmt::print("\n{:<38} {:>5} {:>8}  {}\n", "furthest below their median", "times", "GMAC/s",
             "shape");
  for (const Fall& fall : falls) {
    const cases::Layer& layer = fall.result->layer;
    fmt::print("{:<38} {:>5.2f} {:>8.2f}  {}\n", layer.net + "/" + layer.name, fall.times,
               fall.result->gmacs(), layer.Shape());
  }
}

}  // namespace

void PrintCliffs(const std::vector<LayerResult>& results, const std::string& peer) {
  const auto kinds =
      Summarize<CliffSummary>(results, [](const cases::Layer& layer) { return layer.net; });
  PrintKinds(kinds, peer);
  PrintWorst(kinds);
  const auto within =
      std::count_if(kinds.begin(), kinds.end(), [](const CliffSummary& k) { return k.IsWithin(); });
  fmt::print("\nwithin {} times of the median: the slowest layers of {} of {} kinds\n",
             kMostTimesSlower, within, kinds.size());
}

}  // namespace qconv::bench
