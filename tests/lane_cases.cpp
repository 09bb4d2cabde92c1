// The numbers of lane layers.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "common/numbers.h"
#include "lane_layers.h"
#include "testing.h"

namespace qconv::test {
namespace {

using cases::Case;

// What case 7 of ZeroPoints takes from weights that are at least kWithinRoom - 128.
constexpr int32_t kWithinRoom = 13;

// Zero points of weights, by turns: none, one, one per channel, the ends of s8, beyond s8.
std::vector<int32_t> ZeroPoints(int index, int64_t channels) {
  const auto of_channels = [channels](auto zero_point) {
    std::vector<int32_t> zero_points;
    for (int64_t j = 0; j < channels; ++j) zero_points.push_back(zero_point(static_cast<int>(j)));
    return zero_points;
  };
  switch (index % 9) {
    case 1:
      return {index % 2 == 0 ? 7 : -31};
    case 2:
      return of_channels([](int j) { return j % 2 == 1 ? j % 128 : -(j % 128); });
    case 3:
      return {-128};
    case 4:
      return {127};
    case 5:
      return of_channels([](int j) { return j % 3 == 0 ? -128 : j % 3 == 1 ? 127 : 0; });
    case 6:  // beyond s8: not for lanes
      if (index % 2 == 0) return {index % 4 == 0 ? 128 : -129};
      return of_channels([](int j) { return j * 37 % 700 - 350; });
    case 7:
      return {kWithinRoom};
    default:
      return {};
  }
}

// No zero points but 0, in all ways to say so.
std::vector<int32_t> Zeros(int index, int64_t channels) {
  const int64_t counts[] = {0, 1, channels};
  return std::vector<int32_t>(static_cast<size_t>(counts[index % 3]));
}

}  // namespace

Case MakeLaneCase(const cases::Layer& layer, int index, bool weight_zero_points) {
  // Turns of coprime lengths, so that all meet all.
  const cases::Weights weights =
      index % 4 == 1 ? cases::Weights::kExtremes : cases::Weights::kUniform;
  Case made = cases::MakeCase(layer, weights, static_cast<uint64_t>(index));
  made.layer.name = "layer " + std::to_string(index);
  const int64_t channels = layer.params.out_channels;
  made.weight_zero_points =
      weight_zero_points ? ZeroPoints(index, channels) : Zeros(index, channels);
  if (made.weight_zero_points == std::vector<int32_t>{kWithinRoom}) {  // one part does for them
    for (int8_t& w : made.weights) w = std::max(w, static_cast<int8_t>(kWithinRoom - 128));
  }
  made.input_quantization.zero_point = index % 7 == 0 ? 0 : index % 7 == 1 ? 255 : 11 * index % 256;
  cases::ChooseOutput(made);
  // Coarse scales keep most results within bounds, fine ones show the lowest bits.
  if (index % 5 > 2) made.output_quantization.scale /= 64;
  ScaleSomeChannels(index / 2 % 13, made);
  if (index % 11 == 0) {
    made.activation =
        Clamp(-90 * made.output_quantization.scale, 100 * made.output_quantization.scale);
  }
  return made;
}

}  // namespace qconv::test
