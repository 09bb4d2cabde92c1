// qconv-bench: times the convolutions of real networks, or odd ones (--cliffs), against the
// instruction ceiling of the ISA and against other libraries in the same process.
//
// Read next: options.h (what can be asked), layers.h (which layers), runner.h (how one is timed),
// cliffs.h (--cliffs).
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cliffs.h"
#include "common/command_line.h"
#include "csv.h"
#include "layers.h"
#include "neighbours.h"
#include "options.h"
#include "report.h"
#include "runner.h"
#include "summary.h"

namespace qconv::bench {
namespace {

// One benchmark per layer, of one iteration: comparing needs turns, so it is the runner that
// repeats and times, and Google Benchmark is told the median (manual time).
void RegisterLayer(const cases::Layer& layer, Runner& runner, std::vector<LayerResult>& results) {
  const auto body = [&layer, &runner, &results](benchmark::State& state) {
    try {
      const LayerResult result = runner.Measure(layer);
      for (auto _ : state) state.SetIterationTime(result.ms * 1e-3);
      results.push_back(result);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
    }
  };
  benchmark::RegisterBenchmark((layer.net + "/" + layer.name).c_str(), body)
      ->Iterations(1)
      ->UseManualTime();
}

constexpr int kFailed = 1;

// Returns the exit status.
int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const std::vector<cases::Layer> layers = SelectLayers(options);
  if (!options.csv.empty()) CheckCsvTarget(options.csv);

  Runner runner(options);
  std::vector<LayerResult> results;
  for (const cases::Layer& layer : layers) RegisterLayer(layer, runner, results);
  int no_arguments = 1;  // the command line is ours
  benchmark::Initialize(&no_arguments, argv);
  TableReporter reporter(options, runner, results);
  const Neighbours neighbours;
  benchmark::RunSpecifiedBenchmarks(&reporter, "all");

  if (options.cliffs) {
    PrintCliffs(results, options.peer);
  } else {
    PrintSummary(results, options.peer);
  }
  PrintCeiling(runner.ceiling(), options.peer);
  PrintNeighbours(neighbours.BusyCores(), options.threads);
  if (!options.csv.empty()) WriteCsv(options.csv, results);
  const auto wrong = std::count_if(results.begin(), results.end(),
                                   [](const LayerResult& r) { return r.wrong > 0; });
  if (wrong > 0) fmt::print(stderr, "qconv-bench: {} layers have wrong bytes\n", wrong);
  if (reporter.failures() == 0) return wrong > 0 ? kFailed : 0;
  fmt::print(stderr, "qconv-bench: {} of {} layers failed\n", reporter.failures(), layers.size());
  return kFailed;
}

}  // namespace
}  // namespace qconv::bench

int main(int argc, char** argv) {
  try {
    const int status = qconv::bench::Main(argc, argv);
    qconv::command_line::CheckOutput();
    return status;
  } catch (const std::exception& error) {
    const std::string what = error.what(), library = "qconv: ";
    fmt::print(stderr, "qconv-bench: {}\n",
               what.starts_with(library) ? what.substr(library.size()) : what);
    return qconv::bench::kBadUsage;
  }
}
