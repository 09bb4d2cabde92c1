#include "explain.h"

#include <fmt/core.h>

#include <numeric>
#include <string>
#include <vector>

#include "qconv/conv.h"

namespace qconv::command {
namespace {

constexpr const char* kRow =
    "  {:<13}{:<10}{:<18} {:<14}{:<27}{:>6}{:>8}{:>9}{:>10}  {:<18}{:>7}{:>11}{:>11}{:>7}\n";

// With two digits, or a dash for what there is not.
std::string Number(double value) { return value > 0 ? fmt::format("{:.2f}", value) : "-"; }

double MeanChain(const ConvDescription& layer) {
  const int64_t chains = std::accumulate(layer.chains.begin(), layer.chains.end(), int64_t{0});
  return chains > 0 ? static_cast<double>(layer.links) / static_cast<double>(chains) : 0;
}

// With the share of the output channels that are widened, if only some are.
std::string Arithmetic(const ConvDescription& layer, int64_t channels) {
  if (layer.widened_channels == 0 || layer.widened_channels == channels) return layer.arithmetic;
  return fmt::format(
      "{} {:.0f}%", layer.arithmetic,
      100 * static_cast<double>(layer.widened_channels) / static_cast<double>(channels));
}

// In brackets if images of this size are not computed by it.
std::string Transform(const Conv& conv, const std::string& name, const Image& image) {
  if (name.empty()) return "-";
  return conv.RunsTransformed(image) ? name : "(" + name + ")";
}

// How many at once; in brackets, if images of this size have fewer, behind how many they have.
std::string Pixels(const Conv& conv, int64_t most, const Image& image) {
  const int64_t count = conv.NeighboursAtOnce(image);
  return count == most ? fmt::format("{}", most) : fmt::format("{} ({})", count, most);
}

void Print(const Conv& conv, const Image& image) {
  const ConvDescription layer = conv.Describe();
  fmt::print(kRow, layer.isa, layer.feed, layer.tile, layer.epilogue,
             Arithmetic(layer, conv.params().out_channels), Number(MeanChain(layer)),
             Number(layer.instructions), Number(layer.widened_instructions),
             Number(layer.transform_instructions), Transform(conv, layer.transform, image),
             Pixels(conv, layer.most_neighbours, image), layer.accumulator_bound,
             layer.packed_bytes, layer.input_maximum);
}

}  // namespace

void Explain(const JobOptions& options) {
  const std::vector<std::string> isas = ChosenIsas(options.isa);
  const std::vector<Job> jobs = MakeJobs(options);
  fmt::print(kRow, "ISA", "feed", "tile", "epilogue", "arithmetic", "chain", "instr.", "widened",
             "transf.", "transform", "pixels", "bound", "packed", "input");
  for (const Job& job : jobs) {
    const cases::Case instance = job.make();
    fmt::print("{}: {}\n", job.title, instance.layer.Shape());
    for (const std::string& isa : isas) {
      Print(instance.Prepack(isa), instance.layer.image);
    }
  }
  fmt::print(
      "\nchain: links of a chain, on average\n"
      "instr.: vector instructions for four products in each lane of a vector\n"
      "widened: if everything were widened; transf.: in transformed tiles\n"
      "transform: in brackets if images of this size take less time without it\n"
      "pixels: neighbours in a row that are computed at once; in brackets: at most, of other "
      "images\n"
      "bound: of accumulators; packed: bytes; input: the declared maximum\n");
}

}  // namespace qconv::command
