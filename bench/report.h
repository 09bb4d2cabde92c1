// Report: what qconv-bench prints, line by line as layers finish. Read next: summary.h.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "options.h"
#include "result.h"
#include "runner.h"

namespace qconv::bench {

// Prints a table line for each result as Google Benchmark reports that its layer is done.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  // `results` grows by one with each successful layer.
  TableReporter(const Options& options, const Runner& runner,
                const std::vector<LayerResult>& results);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

  // Layers that could not be timed.
  int failures() const { return failures_; }

 private:
  void PrintLine(const LayerResult& result);
  void PrintNotes(const LayerResult& result) const;

  const Options& options_;
  const Runner& runner_;
  const std::vector<LayerResult>& results_;
  std::string net_;  // of the last line
  int failures_ = 0;
};

}  // namespace qconv::bench
