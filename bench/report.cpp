#include "report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "qconv/isa.h"
#include "qconv/version.h"

namespace qconv::bench {
namespace {

// A peer that computes the same layer with instructions that do not saturate differs from us in a
// few rounding ties only.
constexpr double kSuspiciousDifference = 0.01;

bool PeerMaySaturate(const std::string& isa) { return isa.find("vnni") == std::string::npos; }

std::string DotProduct(const std::string& isa) {
  for (const IsaInfo& info : Isas()) {
    if (info.name == isa) return info.dot_product;
  }
  return "";
}

std::string_view Name(cases::Weights weights) {
  switch (weights) {
    case cases::Weights::kLaplace:
      return "laplace";
    case cases::Weights::kUniform:
      return "uniform";
    case cases::Weights::kExtremes:
      return "extremes";
  }
  return "";
}

}  // namespace

TableReporter::TableReporter(const Options& options, const Runner& runner,
                             const std::vector<LayerResult>& results)
    : options_(options), runner_(runner), results_(results) {}

bool TableReporter::ReportContext(const Context&) {
  const double first = runner_.ceiling().first() * 1e-9;
  fmt::print("cpu      {}\n", Cpu().brand);
  fmt::print("qconv    {}, {}, {} thread{}, {} weights, input zero point {}", QCONV_VERSION,
             runner_.isa(), options_.threads, options_.threads == 1 ? "" : "s",
             Name(options_.weights), options_.input_zero_point);
  if (options_.input_maximum < 255) fmt::print(", input maximum {}", options_.input_maximum);
  if (!options_.transforms) fmt::print(", no transforms");
  fmt::print("\n");
  fmt::print("ceiling  {:.1f} GMAC/s ({}; threads x {:.1f})\n", first, DotProduct(runner_.isa()),
             first / options_.threads);
  if (runner_.peer() != nullptr) fmt::print("peer     {}\n", runner_.peer()->Describe());
#ifndef NDEBUG
  fmt::print("warning: this is a debug build; its times say little\n");
#endif
  fmt::print("\n{:<22} {:<11} {:>5} {:>9} {:>10} {:>8} {:>6} {:>7}", "layer", "class", "count",
             "GMAC", "ms", "GMAC/s", "ceil%", "wrong%");
  if (runner_.peer() != nullptr) {
    fmt::print(" {:>10} {:>6} {:>7}", options_.peer, "ratio", "wrong%");
  }
  fmt::print("\n");
  std::fflush(stdout);
  return true;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.error_occurred) {
      ++failures_;
      fmt::print("{}: {}\n", run.run_name.function_name, run.error_message);
    } else {
      PrintLine(results_.back());
    }
  }
  std::fflush(stdout);
}

void TableReporter::PrintLine(const LayerResult& result) {
  if (result.layer.net != net_) {
    net_ = result.layer.net;
    fmt::print("{}\n", net_);
  }
  fmt::print("  {:<20} {:<11} {:>5} {:>9.5f} {:>10.4f} {:>8.1f} {:>6.1f} {:>7.3f}",
             result.layer.name, result.layer.Class(), result.layer.count, result.gmac(), result.ms,
             result.gmacs(), result.ceiling_pct(), 100 * result.wrong);
  if (result.peer) {
    fmt::print(" {:>10.4f} {:>6.3f} {:>7.3f}", result.peer->ms, result.peer->ratio,
               100 * result.peer->wrong);
  }
  fmt::print("\n");
  PrintNotes(result);
}

void TableReporter::PrintNotes(const LayerResult& result) const {
  if (result.wrong > 0) fmt::print("    warning: qconv gives wrong bytes; please report it\n");
  if (!result.peer_error.empty()) fmt::print("    warning: {}\n", result.peer_error);
  if (result.peer && result.peer->wrong > kSuspiciousDifference &&
      !PeerMaySaturate(runner_.isa())) {
    fmt::print("    warning: {} of {} gives other bytes than qconv; is it set up right?\n",
               result.peer->implementation, options_.peer);
  }
  if (!options_.verbose) return;
  fmt::print("    {}\n    qconv: {}\n", result.layer.Shape(), result.implementation);
  if (result.peer) fmt::print("    {}: {}\n", options_.peer, result.peer->implementation);
}

}  // namespace qconv::bench
