#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "common/command_line.h"
#include "qconv/version.h"

namespace qconv::bench {
namespace {

using command_line::Integer, command_line::Number;

// Seconds. Enough for what a cliff is: times slower, not percent.
constexpr double kCliffsMinTime = 0.02;

// Which layers.
void AddSelection(CLI::App& app, Options& options) {
  app.add_option("--layers", options.layers, "Layer list (default: the one that comes with qconv)")
      ->check(CLI::ExistingFile);
  app.add_option("--net", options.nets, "Only this net; may be repeated");
  app.add_option("--class", options.classes, "Only layers of this class; may be repeated");
  app.add_flag(
         "--cliffs", options.cliffs,
         "Small layers that are odd in every way, instead of a list: how much slower than the "
         "median of their kind are the slowest? (Exit status 0 whatever the answer)")
      ->excludes("--layers", "--net", "--class");
  app.add_option("--filter", options.filter,
                 "Only layers whose net/layer (--cliffs: kind/layer) matches this regex");
  app.add_option("--batch", options.batch, "Batch size (default: the list's)")
      ->transform(Integer(1, 1 << 20));
}

// What runs them.
void AddLibraries(CLI::App& app, Options& options) {
  app.add_option("--threads", options.threads, "Number of threads, the peer's too")
      ->transform(Integer(1, 1024))
      ->capture_default_str();
  app.add_option("--isa", options.isa, "ISA (default: QCONV_ISA, else the best of this CPU)");
  CLI::Option* peer = app.add_option("--vs", options.peer, "Peer to compare with: onednn");
  app.add_option_function<std::string>(
         "--peer-isa", [&options](const std::string& isa) { options.peer_any_isa = isa == "any"; },
         "Instructions of the peer: same (held to our ISA) or any (its own choice)")
      ->needs(peer)
      ->check(CLI::IsMember({"same", "any"}))
      ->default_str("same");
  app.add_flag_callback(
      "--no-transforms", [&options] { options.transforms = false; },
      "Pack all layers once only, as engines do that are short of memory");
}

// What they compute.
void AddNumbers(CLI::App& app, Options& options) {
  app.add_option_function<std::string>(
         "--weights",
         [&options](const std::string& weights) {
           options.weights =
               weights == "uniform" ? cases::Weights::kUniform : cases::Weights::kLaplace;
         },
         "laplace (like trained ones) or uniform (the worst case)")
      ->check(CLI::IsMember({"laplace", "uniform"}))
      ->default_str("laplace");
  app.add_option("--input-zero-point", options.input_zero_point,
                 "Zero point of the inputs; 0 is what follows a ReLU")
      ->transform(Integer(0, 255))
      ->capture_default_str();
  app.add_option("--input-maximum", options.input_maximum,
                 "Declared for every layer: inputs, and their zero point, lie within it")
      ->transform(Integer(0, 255))
      ->capture_default_str();
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app("Times convolution layers, against the instruction ceiling and other libraries.",
               "qconv-bench");
  app.set_version_flag("--version", QCONV_VERSION);
  AddSelection(app, options);
  AddLibraries(app, options);
  AddNumbers(app, options);
  app.add_option("--min-time", options.min_time,
                 "Seconds to spend on each layer (--cliffs: 0.02 unless given)")
      ->check(Number(0, 3600))
      ->capture_default_str();
  app.add_option("--csv", options.csv, "Write the results to this file");
  app.add_flag("--verbose", options.verbose, "Show how each layer was packed");

  try {
    app.parse(argc, argv);
    if (options.input_zero_point > options.input_maximum) {
      throw CLI::ValidationError("--input-zero-point", std::to_string(options.input_zero_point) +
                                                           " exceeds --input-maximum " +
                                                           std::to_string(options.input_maximum));
    }
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error) == 0 ? 0 : kBadUsage;
    command_line::CheckOutput();
    std::exit(status);
  }
  if (options.cliffs && app.count("--min-time") == 0) options.min_time = kCliffsMinTime;
  return options;
}

}  // namespace qconv::bench
