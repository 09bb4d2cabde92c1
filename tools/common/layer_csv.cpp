// Reading of layer lists.
#include <charconv>
#include <cstddef>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "common/layer.h"

namespace qconv::cases {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();
constexpr size_t kLongestName = 200;

std::vector<std::string> Split(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t begin = 0;;) {
    const size_t comma = line.find(',', begin);
    fields.emplace_back(line.substr(begin, comma - begin));
    if (comma == std::string_view::npos) return fields;
    begin = comma + 1;
  }
}

[[noreturn]] void FailAt(const std::string& place, const std::string& what) {
  throw std::runtime_error(place + ": " + what);
}

// One line of the list, its fields found by column.
class Row {
 public:
  Row(std::string place, const std::map<std::string, size_t>& columns, std::string_view line)
      : place_(std::move(place)), columns_(columns), fields_(Split(line)) {
    if (fields_.size() != columns_.size()) {
      Fail("has " + std::to_string(fields_.size()) + " fields; want " +
           std::to_string(columns_.size()));
    }
  }

  const std::string& Text(const std::string& column) const { return fields_[columns_.at(column)]; }

  const std::string& Name(const std::string& column) const {
    const std::string& text = Text(column);
    if (text.size() <= kLongestName) return text;
    Fail(column + " is of " + std::to_string(text.size()) + " characters; want at most " +
         std::to_string(kLongestName));
  }

  int64_t Int(const std::string& column, int64_t minimum) const {
    const std::string& text = Text(column);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < minimum ||
        value > kLargest) {
      Fail(column + " is '" + text + "'; want an integer from " + std::to_string(minimum) + " to " +
           std::to_string(kLargest));
    }
    return value;
  }

  [[noreturn]] void Fail(const std::string& what) const { FailAt(place_, what); }

 private:
  std::string place_;  // "file:line"
  const std::map<std::string, size_t>& columns_;
  std::vector<std::string> fields_;
};

std::map<std::string, size_t> ReadHeader(const std::string& place, std::string_view line) {
  std::map<std::string, size_t> columns;
  for (const std::string& name : Split(line)) {
    if (!columns.emplace(name, columns.size()).second) {
      FailAt(place, "column " + name + " appears twice");
    }
  }
  for (const char* name :
       {"net", "layer", "count", "N",  "IC", "ID", "IH",  "IW",  "OC", "KD", "KH", "KW",
        "SD",  "SH",    "SW",    "PD", "PH", "PW", "PH2", "PW2", "DD", "DH", "DW", "G"}) {
    if (!columns.contains(name)) {
      FailAt(place, std::string("column ") + name + " is missing");
    }
  }
  return columns;
}

Layer ReadLayer(const Row& row) {
  Layer layer;
  layer.net = row.Name("net");
  layer.name = row.Name("layer");
  layer.count = row.Int("count", 1);
  layer.image.batch = row.Int("N", 0);
  layer.params.in_channels = row.Int("IC", 1);
  layer.params.out_channels = row.Int("OC", 1);
  layer.params.groups = row.Int("G", 1);
  const auto three = [&](const char* d, const char* h, const char* w, int64_t minimum) {
    return Spatial{row.Int(d, minimum), row.Int(h, minimum), row.Int(w, minimum)};
  };
  const Spatial size = three("ID", "IH", "IW", 1);
  const Spatial kernel = three("KD", "KH", "KW", 1);
  const Spatial padding = three("PD", "PH", "PW", 0);
  const Spatial padding_end = three("PD", "PH2", "PW2", 0);
  int rank = 2;
  if (size[0] > 1 || kernel[0] > 1 || padding[0] > 0) {
    rank = 3;
  } else if (size[1] == 1 && kernel[1] == 1 && padding[1] + padding_end[1] == 0 && size[2] > 1) {
    rank = 1;
  }
  const auto innermost = [rank](const Spatial& spatial) {
    return Spatial(std::span<const int64_t>(spatial.end() - rank, spatial.end()));
  };
  layer.image.size = innermost(size);
  layer.params.kernel = innermost(kernel);
  layer.params.stride = innermost(three("SD", "SH", "SW", 1));
  layer.params.dilation = innermost(three("DD", "DH", "DW", 1));
  layer.params.padding = innermost(padding);
  layer.params.padding_end = innermost(padding_end);
  const std::string problem = ShapeProblem(layer);
  if (!problem.empty()) row.Fail(problem);
  return layer;
}

}  // namespace

std::vector<Layer> ReadLayers(const std::filesystem::path& file, const std::string& net) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(file.string() + ": cannot be opened");
  std::vector<Layer> layers;
  std::set<std::string> nets;
  std::map<std::string, size_t> columns;
  int64_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    const std::string place = file.string() + ":" + std::to_string(++number);
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (columns.empty()) {
      columns = ReadHeader(place, line);
      continue;
    }
    Layer layer = ReadLayer(Row(place, columns, line));
    nets.insert(layer.net);
    if (net.empty() || layer.net == net) layers.push_back(std::move(layer));
  }
  if (layers.empty()) {
    std::string known;
    for (const std::string& name : nets) known += (known.empty() ? "" : ", ") + name;
    throw std::runtime_error(file.string() + ": has no layer" +
                             (nets.empty() ? "s" : " of net " + net + "; its nets are " + known));
  }
  return layers;
}

}  // namespace qconv::cases
