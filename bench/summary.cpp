#include "summary.h"

#include <fmt/core.h>

#include <cstdint>
#include <thread>

#include "statistics.h"
#include "summarize.h"

namespace qconv::bench {
namespace {

struct ClassSummary {
  std::string name;
  int layers = 0;
  GeometricMean ceiling_pct;
  int compared = 0;  // layers that the peer ran
  GeometricMean ratio;
  double wrong = 0, peer_wrong = 0;  // sums of shares
  double lowest_ratio = 0;
  const cases::Layer* lowest = nullptr;  // the layer of that ratio

  void Add(const LayerResult& result) {
    ++layers;
    ceiling_pct.Add(result.ceiling_pct());
    wrong += result.wrong;
    if (!result.peer) return;
    ++compared;
    ratio.Add(result.peer->ratio);
    peer_wrong += result.peer->wrong;
    if (lowest == nullptr || result.peer->ratio < lowest_ratio) {
      lowest_ratio = result.peer->ratio;
      lowest = &result.layer;
    }
  }
};

struct NetSummary {
  std::string name;
  int64_t layers = 0;
  double gmac = 0;
  double ms = 0;
  // Of the layers that the peer ran:
  int64_t compared = 0;
  double compared_ms = 0;
  double peer_ms = 0;

  void Add(const LayerResult& result) {
    const auto count = static_cast<double>(result.layer.count);
    layers += result.layer.count;
    gmac += count * result.gmac();
    ms += count * result.ms;
    if (!result.peer) return;
    compared += result.layer.count;
    compared_ms += count * result.ms;
    peer_ms += count * result.peer->ms;
  }
};

void PrintClasses(const std::vector<LayerResult>& results, bool with_peer) {
  const auto class_of = [](const cases::Layer& layer) { return layer.Class(); };
  fmt::print("\n{:<30} {:>6} {:>7} {:>7}", "class (geometric means)", "layers", "ceil%", "wrong%");
  if (with_peer) fmt::print(" {:>7} {:>7} {:>7}  {}", "ratio", "wrong%", "lowest", "at");
  fmt::print("\n");
  for (const ClassSummary& s : Summarize<ClassSummary>(results, class_of)) {
    fmt::print("{:<30} {:>6} {:>7.1f} {:>7.3f}", s.name, s.layers, s.ceiling_pct.value(),
               100 * s.wrong / s.layers);
    if (s.lowest != nullptr) {
      fmt::print(" {:>7.3f} {:>7.3f} {:>7.3f}  {}/{}", s.ratio.value(),
                 100 * s.peer_wrong / s.compared, s.lowest_ratio, s.lowest->net, s.lowest->name);
      if (s.compared < s.layers) fmt::print(" ({} compared)", s.compared);
    }
    fmt::print("\n");
  }
}

void PrintNets(const std::vector<LayerResult>& results, const std::string& peer) {
  const auto net_of = [](const cases::Layer& layer) { return layer.net; };
  fmt::print("\n{:<30} {:>6} {:>10} {:>10} {:>8}", "net (totals)", "layers", "GMAC", "ms",
             "GMAC/s");
  if (!peer.empty()) fmt::print(" {:>10} {:>7}", peer, "ratio");
  fmt::print("\n");
  for (const NetSummary& s : Summarize<NetSummary>(results, net_of)) {
    fmt::print("{:<30} {:>6} {:>10.4f} {:>10.3f} {:>8.1f}", s.name, s.layers, s.gmac, s.ms,
               s.gmac / s.ms * 1e3);
    if (s.compared > 0) {
      fmt::print(" {:>10.3f} {:>7.3f}", s.peer_ms, s.peer_ms / s.compared_ms);
      if (s.compared < s.layers) fmt::print(" ({} compared)", s.compared);
    }
    fmt::print("\n");
  }
}

}  // namespace

void PrintSummary(const std::vector<LayerResult>& results, const std::string& peer) {
  PrintClasses(results, !peer.empty());
  PrintNets(results, peer);
}

void PrintCeiling(const Ceiling& ceiling, const std::string& peer) {
  fmt::print("\nceiling: {:.1f} GMAC/s at the start, {:.1f} to {:.1f} during the run\n",
             ceiling.first() * 1e-9, ceiling.lowest() * 1e-9, ceiling.highest() * 1e-9);
  if (!peer.empty()) fmt::print("ratio: {} time / qconv time, above 1 qconv is faster\n", peer);
  fmt::print(
      "wrong%: of the output bytes; qconv's against the reference, in a sample of pixels{}\n",
      peer.empty() ? "" : fmt::format("; {}'s against qconv's, all of them", peer));
}

void PrintNeighbours(double busy_cores, int threads) {
  const unsigned cores = std::thread::hardware_concurrency();
  fmt::print("other processes: {:.2f} of {} cores busy\n", busy_cores, cores);
  if (busy_cores > 0.1 && busy_cores + threads > cores) {
    fmt::print("warning: too few cores were left for {} thread{}; times are disturbed\n", threads,
               threads == 1 ? "" : "s");
  }
}

}  // namespace qconv::bench
