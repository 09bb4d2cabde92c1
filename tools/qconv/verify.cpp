#include "verify.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "expected.h"
#include "pixels.h"
#include "progress.h"
#include "qconv/executor.h"
#include "saturation_text.h"

namespace qconv::command {
namespace {

struct Failure {
  std::string isa;
  std::string what;
};

// What came of one case on all ISAs.
struct Report {
  std::string description;  // shape, and how much was checked
  std::vector<Failure> failures;
  std::optional<Saturation> saturation;  // if asked for
  std::vector<std::string> saturation_text;
};

std::optional<std::string> RunOn(const std::string& isa, const cases::Case& instance,
                                 const Expected& expected, const Executor& executor) {
  try {
    const Conv conv = instance.Prepack(isa);
    std::vector<uint8_t> output = WrongOutput(instance, expected);
    conv.Run(instance.layer.image, instance.input, output, executor);
    const std::optional<std::string> difference = Compare(instance, expected, output);
    if (!difference) return std::nullopt;
    const ConvDescription layer = conv.Describe();
    return fmt::format("{}; feed {}, tile {}, epilogue {}, arithmetic {}", *difference, layer.feed,
                       layer.tile, layer.epilogue, layer.arithmetic);
  } catch (const std::exception& error) {
    return fmt::format("throws \"{}\"", error.what());
  }
}

Report Check(const Job& job, const std::vector<std::string>& isas, const Executor& executor,
             int threads, bool with_saturation) {
  Report report;
  try {
    const cases::Case instance = job.make();
    report.description = instance.layer.Shape();
    const Expected expected = MakeExpected(instance, job.seed, threads);
    report.description += SampleText(instance.layer, expected.sample);
    if (with_saturation) {
      report.saturation = MakeSaturation(instance, job.seed, threads);
      report.saturation_text = SaturationText(instance.layer, *report.saturation);
    }
    for (const std::string& isa : isas) {
      if (const auto what = RunOn(isa, instance, expected, executor)) {
        report.failures.push_back({.isa = isa, .what = *what});
      }
    }
  } catch (const std::exception& error) {
    // Without the case and the bytes to expect, no ISA can pass.
    for (const std::string& isa : isas) {
      report.failures.push_back({.isa = isa, .what = fmt::format("not run: \"{}\"", error.what())});
    }
  }
  return report;
}

void Print(const Job& job, const Report& report) {
  fmt::print("{:<6}{}: {}\n", report.failures.empty() ? "ok" : "FAIL", job.title,
             report.description);
  for (const Failure& failure : report.failures) {
    fmt::print("      {}: {}\n", failure.isa, failure.what);
    fmt::print("      again: qconv verify --isa {} {}\n", failure.isa, job.replay);
  }
  for (const std::string& line : report.saturation_text) fmt::print("      {}\n", line);
  std::fflush(stdout);
}

}  // namespace

bool Verify(const VerifyOptions& options) {
  const std::vector<std::string> isas = ChosenIsas(options.jobs.isa);
  const std::vector<Job> jobs = MakeJobs(options.jobs);
  std::unique_ptr<Executor> own;
  if (options.threads > 0) own = Executor::Threads(options.threads);
  const Executor& executor = own ? *own : Executor::Current();
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  fmt::print("cases: {}, ISAs: {}\n", jobs.size(), fmt::join(isas, ", "));
  size_t failed = 0;
  SaturationTotals saturation;
  Progress progress(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i) {
    progress.Show(i, jobs[i].title);
    const Report report = Check(jobs[i], isas, executor, threads, options.saturation);
    failed += report.failures.size();
    if (report.saturation) saturation.Add(*report.saturation);
    if (jobs[i].many && report.failures.empty() && !report.saturation) continue;
    progress.Clear();
    Print(jobs[i], report);
  }
  progress.Clear();
  if (options.saturation) fmt::print("{}\n", saturation.Text());
  fmt::print("{} passed, {} failed\n", jobs.size() * isas.size() - failed, failed);
  return failed == 0;
}

}  // namespace qconv::command
