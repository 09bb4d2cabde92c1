// The `qconv` command: reads the command line. Read next: explain.h, info.h, verify.h.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <vector>

#include "common/command_line.h"
#include "explain.h"
#include "info.h"
#include "jobs.h"
#include "qconv/version.h"
#include "verify.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr int64_t kMostRandom = 1'000'000;  // all of them are planned ahead

using qconv::command_line::Integer;

void AddJobOptions(CLI::App& command, qconv::command::JobOptions& options) {
  std::vector<std::string> kinds;
  for (const auto& kind : qconv::command::WeightKinds()) kinds.push_back(kind.first);
  command.add_option("--isa", options.isa, "ISA to use, or \"all\" (default: the one Conv takes)");
  command.add_option("--golden", options.golden_files, "golden files (*.jsonl)")
      ->check(CLI::ExistingFile);
  CLI::Option* layers = command.add_option("--layers", options.layer_file, "layer list (*.csv)")
                            ->check(CLI::ExistingFile);
  command.add_option("--net", options.net, "only this net of the layer list")->needs(layers);
  command.add_option("--filter", options.filter,
                     "only cases whose title matches this regular expression");
  command.add_option("--weights", options.weights, "how to draw the weights of layers")
      ->needs(layers)
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  command
      .add_option("--input-maximum", options.input_maximum,
                  "declared for layers and random cases, whose inputs are drawn within it "
                  "(default: 255 for layers, random for random cases)")
      ->transform(Integer(0, 255));
  command.add_option("--random", options.random, "number of random cases")
      ->transform(Integer(1, kMostRandom));
  command.add_option("--seed", options.seed, "of random cases and drawn numbers")
      ->transform(Integer(0, std::numeric_limits<int64_t>::max() - kMostRandom))
      ->capture_default_str();
}

void AddVerifyOptions(CLI::App& command, qconv::command::VerifyOptions& options) {
  AddJobOptions(command, options.jobs);
  command.add_flag("--saturation", options.saturation,
                   "tell what int16 saturation does on libraries that use vpmaddubsw");
  command.add_option("--threads", options.threads, "threads to use (default: all cores)")
      ->transform(Integer(1, 1024));
}

int Main(int argc, char** argv) {
  CLI::App app("int8 convolution for x86 CPUs, the same bytes on every machine", "qconv");
  app.set_version_flag("--version", QCONV_VERSION);
  app.require_subcommand(1);

  bool as_json = false;
  CLI::App* info = app.add_subcommand("info", "Show what this machine offers");
  info->add_flag("--json", as_json, "print JSON");

  qconv::command::VerifyOptions verify_options;
  CLI::App* verify =
      app.add_subcommand("verify", "Compare bytes with golden data or the reference");
  AddVerifyOptions(*verify, verify_options);

  qconv::command::JobOptions explain_options;
  CLI::App* explain = app.add_subcommand("explain", "Show how layers are packed");
  AddJobOptions(*explain, explain_options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // A wrong word instead of a subcommand is to be named.
    const std::vector<std::string> rest = app.remaining();
    if (rest.empty()) {
      app.exit(error);
    } else {
      app.exit(CLI::ExtrasError(rest));
    }
    return kBadUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  if (info->parsed()) {
    qconv::command::Info(as_json);
    return 0;
  }
  if (explain->parsed()) {
    qconv::command::Explain(explain_options);
    return 0;
  }
  return qconv::command::Verify(verify_options) ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int status = Main(argc, argv);
    qconv::command_line::CheckOutput();
    return status;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    fmt::print(stderr, "{}{}\n", what.starts_with("qconv: ") ? "" : "qconv: ", what);
    return kBadUsage;
  }
}
