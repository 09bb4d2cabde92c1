#include "options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "qconv/version.h"

namespace qconv::bench {

Options ParseOptions(int argc, char** argv) {
  Options options;
  const std::map<std::string, bool> peer_isas{{"same", false}, {"any", true}};
  const std::map<std::string, cases::Weights> weights{{"laplace", cases::Weights::kLaplace},
                                                      {"uniform", cases::Weights::kUniform}};

  CLI::App app("Times convolution layers, against the instruction ceiling and other libraries.",
               "qconv-bench");
  app.set_version_flag("--version", QCONV_VERSION);
  app.add_option("--layers", options.layers, "Layer list (default: the one that comes with qconv)")
      ->check(CLI::ExistingFile);
  app.add_option("--net", options.nets, "Only this net; may be repeated");
  app.add_option("--class", options.classes, "Only layers of this class; may be repeated");
  app.add_option("--filter", options.filter, "Only layers whose net/layer matches this regex");
  app.add_option("--threads", options.threads, "Number of threads, the peer's too")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--isa", options.isa, "ISA (default: QCONV_ISA, else the best of this CPU)");
  app.add_option("--vs", options.peer, "Peer to compare with: onednn");
  app.add_option("--peer-isa", options.peer_any_isa,
                 "Instructions of the peer: same (held to our ISA; default) or any (its choice)")
      ->transform(CLI::CheckedTransformer(peer_isas))
      ->type_name("same|any");
  app.add_option("--weights", options.weights,
                 "laplace (like trained ones; default) or uniform (the worst case)")
      ->transform(CLI::CheckedTransformer(weights))
      ->type_name("laplace|uniform");
  app.add_option("--batch", options.batch, "Batch size (default: the list's)")
      ->check(CLI::PositiveNumber);
  app.add_option("--min-time", options.min_time, "Seconds to spend on each layer")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--csv", options.csv, "Write the results to this file");
  app.add_flag("--verbose", options.verbose, "Show how each layer was run");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

}  // namespace qconv::bench
