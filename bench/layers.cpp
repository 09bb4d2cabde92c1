#include "layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cliff_layers.h"
#include "common/command_line.h"

namespace qconv::bench {
namespace {

namespace fs = std::filesystem;

template <typename Values>
bool Contains(const Values& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// The distinct values of a property, in the order of the list.
template <typename Property>
std::vector<std::string> Distinct(const std::vector<cases::Layer>& layers, Property property) {
  std::vector<std::string> values;
  for (const cases::Layer& layer : layers) {
    const std::string value = property(layer);
    if (!Contains(values, value)) values.push_back(value);
  }
  return values;
}

void RequireKnown(std::string_view what, const std::vector<std::string>& wanted,
                  const std::vector<std::string>& known, const std::string& source) {
  for (const std::string& value : wanted) {
    if (Contains(known, value)) continue;
    throw std::runtime_error(
        fmt::format("no {} \"{}\" in {}; it has: {}", what, value, source, fmt::join(known, ", ")));
  }
}

// Those of `all` that the options ask for. `source` names where they come from.
std::vector<cases::Layer> Select(const std::vector<cases::Layer>& all, const std::string& source,
                                 const Options& options) {
  RequireKnown("net", options.nets, Distinct(all, [](auto& layer) { return layer.net; }), source);
  RequireKnown("class", options.classes, Distinct(all, [](auto& layer) { return layer.Class(); }),
               source);

  const std::regex filter = command_line::Filter(options.filter);
  std::vector<cases::Layer> selected;
  for (cases::Layer layer : all) {
    if (!options.nets.empty() && !Contains(options.nets, layer.net)) continue;
    if (!options.classes.empty() && !Contains(options.classes, layer.Class())) continue;
    if (!std::regex_search(layer.net + "/" + layer.name, filter)) continue;
    if (options.batch > 0) layer.image.batch = options.batch;
    selected.push_back(std::move(layer));
  }
  if (selected.empty()) {
    throw std::runtime_error(
        fmt::format("no layer of {} is selected by --net {}, --class {} and --filter \"{}\"",
                    source, options.nets, options.classes, options.filter));
  }
  return selected;
}

}  // namespace

fs::path DefaultLayerFile() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& folder : {beside / "workloads", fs::path("bench/workloads")}) {
    const fs::path file = folder / "conv_layers.csv";
    if (fs::exists(file)) return file;
  }
  throw std::runtime_error(fmt::format(
      "no workloads/conv_layers.csv in {}: name a list with --layers", beside.string()));
}

std::vector<cases::Layer> SelectLayers(const Options& options) {
  if (options.cliffs) return Select(CliffLayers(), "--cliffs", options);
  const fs::path file = options.layers.empty() ? DefaultLayerFile() : options.layers;
  return Select(cases::ReadLayers(file), file.string(), options);
}

}  // namespace qconv::bench
