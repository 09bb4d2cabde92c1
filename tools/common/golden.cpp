// Reading of golden files.
#include <cmath>
#include <cstddef>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>

#include "common/case.h"

namespace qconv::cases {
namespace {

using nlohmann::json;

constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();
constexpr int64_t kInt32Min = std::numeric_limits<int32_t>::min();

[[noreturn]] void Fail(const std::string& what) { throw std::runtime_error(what); }

std::string Indexed(const std::string& field, size_t index) {
  return field + "[" + std::to_string(index) + "]";
}

int64_t ToInt(const json& value, const std::string& field, int64_t lower, int64_t upper) {
  // Beyond int64 the parser reads an unsigned or a floating-point number.
  const bool fits = value.is_number_integer() &&
                    !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{kInt32Max});
  if (!fits || value.get<int64_t>() < lower || value.get<int64_t>() > upper) {
    Fail(field + " is " + value.dump() + "; want an integer from " + std::to_string(lower) +
         " to " + std::to_string(upper));
  }
  return value.get<int64_t>();
}

float ToFloat(const json& value, const std::string& field) {
  if (!value.is_number() || !std::isfinite(value.get<float>())) {
    Fail(field + " is " + value.dump() + "; want a float32 number");
  }
  return value.get<float>();
}

// Of fields that are there twice the library would take the last.
json Parse(const std::string& line) {
  std::set<json> fields;
  return json::parse(line, [&](int depth, json::parse_event_t event, const json& parsed) {
    const bool field = depth == 1 && event == json::parse_event_t::key;
    if (field && !fields.insert(parsed).second) Fail(parsed.dump() + " is there twice");
    return true;
  });
}

// One line of a golden file. Remembers which fields were asked for.
class Record {
 public:
  explicit Record(const std::string& line) : object_(Parse(line)) {
    if (!object_.is_object()) Fail("is not a JSON object");
  }

  bool Has(const std::string& field) const { return object_.contains(field); }

  const json& Get(const std::string& field) {
    known_.insert(field);
    const auto found = object_.find(field);
    if (found == object_.end()) Fail(field + " is missing");
    return *found;
  }

  int64_t Int(const std::string& field, int64_t lower, int64_t upper = kInt32Max) {
    return ToInt(Get(field), field, lower, upper);
  }

  bool Bool(const std::string& field) {
    const json& value = Get(field);
    if (!value.is_boolean()) Fail(field + " is " + value.dump() + "; want true or false");
    return value.get<bool>();
  }

  template <typename T>
  std::vector<T> Ints(const std::string& field, int64_t count, int64_t lower, int64_t upper) {
    const json& array = Array(field, count);
    std::vector<T> values;
    values.reserve(array.size());
    for (size_t i = 0; i < array.size(); ++i) {
      values.push_back(static_cast<T>(ToInt(array[i], Indexed(field, i), lower, upper)));
    }
    return values;
  }

  std::vector<float> Floats(const std::string& field, int64_t count) {
    const json& array = Array(field, count);
    std::vector<float> values;
    values.reserve(array.size());
    for (size_t i = 0; i < array.size(); ++i) {
      values.push_back(ToFloat(array[i], Indexed(field, i)));
    }
    return values;
  }

  Affine Quantization(const std::string& tensor) {
    return {.scale = ToFloat(Get(tensor + "_scale"), tensor + "_scale"),
            .zero_point = static_cast<int32_t>(Int(tensor + "_zero_point", 0, 255))};
  }

  // Refuses a field that nobody asked for: it would have changed the meaning of the case.
  void CheckAllKnown() const {
    for (const auto& item : object_.items()) {
      if (!known_.contains(item.key())) Fail(item.key() + " is not a field of golden files");
    }
  }

 private:
  const json& Array(const std::string& field, int64_t count) {
    const json& array = Get(field);
    if (!array.is_array()) Fail(field + " is not an array");
    if (array.size() != static_cast<size_t>(count)) {
      Fail(field + " has " + std::to_string(array.size()) + " entries; want " +
           std::to_string(count));
    }
    return array;
  }

  json object_;
  std::set<std::string> known_;
};

Spatial ReadSpatial(Record& record, const std::string& field, int rank, int64_t minimum) {
  return Spatial(std::span<const int64_t>(record.Ints<int64_t>(field, rank, minimum, kInt32Max)));
}

Layer ReadLayer(Record& record) {
  Layer layer;
  const int rank = static_cast<int>(record.Int("spatial_dims", 1, Spatial::kMaxRank));
  layer.image.batch = record.Int("batch", 0);
  layer.image.size = ReadSpatial(record, "input_size", rank, 1);
  layer.params = {.in_channels = record.Int("in_channels", 1),
                  .out_channels = record.Int("out_channels", 1),
                  .groups = record.Int("groups", 1),
                  .kernel = ReadSpatial(record, "kernel", rank, 1),
                  .stride = ReadSpatial(record, "stride", rank, 1),
                  .dilation = ReadSpatial(record, "dilation", rank, 1),
                  .padding = ReadSpatial(record, "pad_begin", rank, 0),
                  .padding_end = ReadSpatial(record, "pad_end", rank, 0)};
  const std::string problem = ShapeProblem(layer);
  if (!problem.empty()) Fail(problem);
  const Spatial output = ReadSpatial(record, "output_size", rank, 1);
  if (output != layer.OutputImage().size) Fail("output_size does not follow from the other sizes");
  return layer;
}

Case ReadCase(const std::string& line) {
  Record record(line);
  Case read;
  read.layer = ReadLayer(record);
  const int64_t channels = read.layer.params.out_channels;
  read.input_quantization = record.Quantization("input");
  read.output_quantization = record.Quantization("output");
  read.weight_scales = record.Floats("weight_scale", channels);
  read.weight_zero_points =
      record.Ints<int32_t>("weight_zero_point", channels, kInt32Min, kInt32Max);
  read.weights = record.Ints<int8_t>("weight", read.layer.WeightCount(), -128, 127);
  if (record.Has("bias")) read.bias = record.Floats("bias", channels);
  if (record.Bool("relu")) read.activation = Relu();
  read.input = record.Ints<uint8_t>("input", read.layer.InputBytes(), 0, 255);
  read.expected = record.Ints<uint8_t>("output", read.layer.OutputBytes(), 0, 255);
  if (record.Has("id")) read.layer.name = "id " + std::to_string(record.Int("id", 0));
  record.CheckAllKnown();
  return read;
}

}  // namespace

std::vector<Case> ReadGolden(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(file.string() + ": cannot be opened");
  std::vector<Case> cases;
  int64_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = file.string() + ":" + std::to_string(number);
    try {
      cases.push_back(ReadCase(line));
    } catch (const json::exception& error) {
      throw std::runtime_error(place + ": is not JSON: " + error.what());
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(place + ": " + error.what());
    }
    Layer& layer = cases.back().layer;
    layer.net = file.stem().string();
    if (layer.name.empty()) layer.name = "line " + std::to_string(number);
  }
  if (cases.empty()) throw std::runtime_error(file.string() + ": has no cases");
  return cases;
}

}  // namespace qconv::cases
