#include "chained_layers.h"

#include <string>

#include "common/numbers.h"
#include "common/rng.h"

namespace qconv::test {
namespace {

using cases::Case;

// Random bytes, the ends of the range only, a grid of the two, the upper end only.
void DrawInput(int kind, uint64_t seed, Case& c) {
  cases::Rng rng(seed);
  for (size_t i = 0; i < c.input.size(); ++i) {
    int64_t a = c.input_maximum;
    if (kind == 0) a = rng.Int(0, c.input_maximum);
    if (kind == 1) a *= rng.Int(0, 1);
    if (kind == 2) a *= static_cast<int64_t>(i % 2);
    c.input[i] = static_cast<uint8_t>(a);
  }
}

void DrawWeights(const ChainWeights& weights, uint64_t seed, Case& c) {
  cases::Rng rng(seed);
  const size_t length = c.weights.size() / static_cast<size_t>(c.layer.params.out_channels);
  for (size_t i = 0; i < c.weights.size(); ++i) {
    c.weights[i] = static_cast<int8_t>(weights.draw(rng, static_cast<int64_t>(i % length)));
  }
}

}  // namespace

const std::vector<Shape>& ChainedShapes() {
  static const std::vector<Shape> shapes = {
      {"pointwise", {.in_channels = 72, .out_channels = 40, .kernel = {1, 1}}, {.size = {5, 7}}},
      {"odd_channels", {.in_channels = 37, .out_channels = 19, .kernel = {1, 1}}, {.size = {4, 9}}},
      {"deep", {.in_channels = 4101, .out_channels = 17, .kernel = {1, 1}}, {.size = {1, 3}}},
      {"one_pixel", {.in_channels = 300, .out_channels = 70, .kernel = {1, 1}}, {.size = {1, 1}}},
      {"strided_pointwise",
       {.in_channels = 24, .out_channels = 16, .kernel = {1, 1}, .stride = {2, 3}},
       {.batch = 2, .size = {7, 11}}},
      {"kernel_3x3",
       {.in_channels = 16, .out_channels = 24, .kernel = {3, 3}, .padding = {1, 1}},
       {.size = {9, 8}}},
      {"deep_3x3",
       {.in_channels = 140, .out_channels = 17, .kernel = {3, 3}, .padding = {1, 1}},
       {.size = {5, 4}}},
      {"without_padding",
       {.in_channels = 16, .out_channels = 33, .kernel = {2, 4}},
       {.size = {6, 9}}},
      {"dilated",
       {.in_channels = 12,
        .out_channels = 16,
        .kernel = {3, 3},
        .stride = {1, 2},
        .dilation = {2, 2},
        .padding = {2, 2},
        .padding_end = {1, 3}},
       {.size = {9, 10}}},
      {"groups",
       {.in_channels = 48, .out_channels = 64, .groups = 2, .kernel = {3, 3}, .padding = {1, 1}},
       {.size = {6, 6}}},
      {"odd_groups",
       {.in_channels = 57, .out_channels = 51, .groups = 3, .kernel = {1, 3}, .padding = {0, 1}},
       {.size = {4, 6}}},
      {"first_3x3",
       {.in_channels = 3,
        .out_channels = 16,
        .kernel = {3, 3},
        .stride = {2, 2},
        .padding = {1, 1}},
       {.batch = 2, .size = {13, 14}}},
      {"first_7x7",
       {.in_channels = 3,
        .out_channels = 32,
        .kernel = {7, 7},
        .stride = {2, 2},
        .padding = {3, 3}},
       {.size = {19, 22}}},
      {"first_dilated",
       {.in_channels = 3,
        .out_channels = 8,
        .kernel = {3, 3},
        .dilation = {2, 2},
        .padding = {2, 2}},
       {.size = {8, 7}}},
      {"one_dimension",
       {.in_channels = 20, .out_channels = 24, .kernel = {9}, .padding = {4}},
       {.size = {50}}},
      {"three_dimensions",
       {.in_channels = 8, .out_channels = 18, .kernel = {3, 2, 3}, .padding = {1, 0, 1}},
       {.batch = 2, .size = {3, 4, 5}}},
      {"padding_beyond_the_kernel",
       {.in_channels = 8, .out_channels = 16, .kernel = {2, 2}, .padding = {3, 3}},
       {.size = {2, 3}}},
      {"several_blocks",
       {.in_channels = 8, .out_channels = 24, .kernel = {3, 3}, .padding = {1, 1}},
       {.size = {34, 33}}}};
  return shapes;
}

Case MakeChainedCase(const Shape& shape, const ChainWeights& weights, int32_t maximum, int index) {
  // Turns of coprime lengths, so that all meet all.
  const auto seed = static_cast<uint64_t>(index);
  cases::Case c = cases::MakeCase(MakeLayer(shape.params, shape.image), cases::Weights::kUniform,
                                  seed, maximum);
  c.layer.name = std::string(weights.name) + " " + std::to_string(index);
  DrawInput(index % 4, seed, c);
  DrawWeights(weights, seed, c);
  if (index % 3 == 1) SetWeightZeroPoints(c);
  const int32_t zero_points[] = {0, maximum, maximum / 2};
  c.input_quantization.zero_point = zero_points[index / 3 % 3];
  cases::ChooseOutput(c);
  // Coarse scales keep most results within bounds, fine ones show the lowest bits.
  if (index % 5 > 1) c.output_quantization.scale /= 64;
  ScaleSomeChannels(index % 11, c);
  return c;
}

}  // namespace qconv::test
