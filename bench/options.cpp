#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "qconv/version.h"

namespace qconv::bench {
namespace {

// Seconds. Enough for what a cliff is: times slower, not percent.
constexpr double kCliffsMinTime = 0.02;

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  std::string peer_isa = "same";
  std::string weights = "laplace";
  bool no_transforms = false;

  CLI::App app("Times convolution layers, against the instruction ceiling and other libraries.",
               "qconv-bench");
  app.set_version_flag("--version", QCONV_VERSION);
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
  app.add_option("--threads", options.threads, "Number of threads, the peer's too")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--isa", options.isa, "ISA (default: QCONV_ISA, else the best of this CPU)");
  app.add_option("--vs", options.peer, "Peer to compare with: onednn");
  app.add_option("--peer-isa", peer_isa,
                 "Instructions of the peer: same (held to our ISA) or any (its own choice)")
      ->check(CLI::IsMember({"same", "any"}))
      ->capture_default_str();
  app.add_option("--weights", weights, "laplace (like trained ones) or uniform (the worst case)")
      ->check(CLI::IsMember({"laplace", "uniform"}))
      ->capture_default_str();
  app.add_option("--input-zero-point", options.input_zero_point,
                 "Zero point of the inputs; 0 is what follows a ReLU")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  app.add_option("--input-maximum", options.input_maximum,
                 "Declared for every layer: inputs, and their zero point, lie within it")
      ->check(CLI::Range(1, 255))
      ->capture_default_str();
  app.add_flag("--no-transforms", no_transforms,
               "Pack all layers once only, as engines do that are short of memory");
  app.add_option("--batch", options.batch, "Batch size (default: the list's)")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--min-time", options.min_time,
                 "Seconds to spend on each layer (--cliffs: 0.02 unless given)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--csv", options.csv, "Write the results to this file");
  app.add_flag("--verbose", options.verbose, "Show how each layer was packed");

  try {
    app.parse(argc, argv);
    if (options.input_zero_point > options.input_maximum) {
      throw CLI::ValidationError("--input-zero-point", "exceeds --input-maximum");
    }
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  if (options.cliffs && app.count("--min-time") == 0) options.min_time = kCliffsMinTime;
  options.peer_any_isa = peer_isa == "any";
  options.transforms = !no_transforms;
  options.weights = weights == "uniform" ? cases::Weights::kUniform : cases::Weights::kLaplace;
  return options;
}

}  // namespace qconv::bench
