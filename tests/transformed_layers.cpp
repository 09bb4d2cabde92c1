// Longer than 250 lines: mostly lists of layers.
#include "transformed_layers.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "common/numbers.h"
#include "common/rng.h"
#include "testing.h"
#include "validate.h"

namespace qconv::test {
namespace {

using cases::Case;
using cases::Layer;

// Around whole chunks: 16 channels, or 32.
std::vector<Layer> Channels() {
  std::vector<Layer> layers;
  for (const int64_t inputs : {15, 16, 17, 18, 19, 31, 32, 33, 34, 35, 47, 48,
                               49, 50, 63, 64, 65, 66, 80, 95, 96, 97, 130}) {
    for (const int64_t outputs : {9, 17}) {
      const ConvParams params = {
          .in_channels = inputs, .out_channels = outputs, .kernel = {3, 3}, .padding = {1, 1}};
      layers.push_back(MakeLayer(params, {.size = {6, 4 + inputs % 3}}));
      layers.push_back(MakeLayer(params, {.size = {3, 4}}));
    }
  }
  return layers;
}

std::vector<Layer> Outputs() {
  std::vector<Layer> layers;
  for (int64_t outputs = 1; outputs <= 70; ++outputs) {
    const ConvParams params = {.in_channels = 32 + outputs % 4,
                               .out_channels = outputs,
                               .kernel = {3, 3},
                               .padding = {1, 1}};
    layers.push_back(MakeLayer(params, {.batch = 1 + outputs % 2, .size = {4, 4}}));
  }
  return layers;
}

// Narrow ones, which share a chunk and are merged until they fill a vector; wide ones.
std::vector<Layer> Groups() {
  std::vector<Layer> layers;
  for (const int64_t inputs : {2, 3, 4, 5, 8, 11, 13, 15, 16, 20, 32, 33}) {
    for (const int64_t outputs : {inputs, int64_t{1}, int64_t{3}, int64_t{8}, int64_t{19}}) {
      for (const int64_t groups : {2, 3, 5, 7, 8, 17}) {
        if (groups * inputs < 16 || groups * inputs > 100) continue;
        ConvParams params = {.in_channels = groups * inputs,
                             .out_channels = groups * outputs,
                             .groups = groups,
                             .kernel = {3, 3},
                             .padding = {1, 1}};
        layers.push_back(MakeLayer(params, {.size = {4, 5 + groups % 2}}));
        if (outputs % 4 == 0) {
          params.kernel = {2, 3, 3};
          params.padding = {1, 1, 1};
          layers.push_back(MakeLayer(params, {.size = {2, 7, 8}}));
        }
      }
    }
  }
  return layers;
}

std::vector<Layer> Images() {
  std::vector<Layer> layers;
  const auto add = [&layers](ConvParams params, const Image& image) {
    const auto turn = static_cast<int64_t>(layers.size());
    params.in_channels = 32 + turn % 5;
    params.out_channels = 8 + turn % 11;
    layers.push_back(MakeLayer(params, image));
  };
  for (int64_t h = 1; h <= 8; ++h) {
    for (int64_t w = 1; w <= 8; ++w) {
      add({.kernel = {3, 3}, .padding = {1, 1}}, {.batch = 1 + (h + w) % 3, .size = {h, w}});
    }
  }
  for (const int64_t size : {3, 4, 5, 8}) add({.kernel = {3, 3}}, {.size = {size, 11 - size}});
  for (int64_t padding = 0; padding < 16; ++padding) {
    add({.kernel = {3, 3},
         .padding = {padding % 3, padding % 4},
         .padding_end = {padding / 4, padding % 3}},
        {.size = {3, 5}});
  }
  for (int64_t dilation = 1; dilation <= 16; ++dilation) {
    const int64_t h = 1 + dilation / 4, w = 1 + dilation % 4;
    add({.kernel = {3, 3}, .dilation = {h, w}, .padding = {h, w}}, {.size = {8, 9 - w}});
    add({.kernel = {3, 3}, .dilation = {h, w}, .padding = {2, h}, .padding_end = {h, w}},
        {.batch = 2, .size = {2 * h + 1, 2 * w + 2}});
  }
  for (int64_t depth = 1; depth <= 3; ++depth) {
    add({.kernel = {1, 3, 3}, .padding = {0, 1, 1}}, {.batch = depth, .size = {depth, 4, 6}});
    add({.kernel = {1, 3, 3}, .dilation = {2, 1, 2}, .padding = {0, 0, 2}},
        {.batch = 2, .size = {depth, 5, 4}});
    for (int64_t planes = 2; planes <= 4; ++planes) {
      add({.kernel = {planes, 3, 3}, .padding = {planes - 1, 1, 1}},
          {.batch = depth, .size = {depth, 5, 4}});
      add({.kernel = {planes, 3, 3},
           .stride = {depth, 1, 1},
           .dilation = {2, 1, 1},
           .padding = {planes, 0, 1},
           .padding_end = {planes, 1, 0}},
          {.batch = 2, .size = {depth, 6, 7}});
    }
  }
  add({.kernel = {3, 3}, .padding = {1, 1}}, {.size = {26, 31}});  // several blocks
  add({.kernel = {3, 3}, .padding = {1, 1}}, {.batch = 0, .size = {5, 5}});
  return layers;
}

// What Run takes Winograd kernels for on every ISA that has them, if the weights allow it.
std::vector<Layer> LargeImages() {
  std::vector<Layer> layers;
  for (int64_t i = 0; i < 40; ++i) {
    ConvParams params = {.in_channels = 64,
                         .out_channels = 24 + i,
                         .kernel = {3, 3},
                         .dilation = {1 + i % 2, 1 + i % 3},
                         .padding = {2, 2}};
    layers.push_back(MakeLayer(params, {.size = {24 + i % 5, 24 + i / 5}}));
    params = {.in_channels = 64, .out_channels = 40, .kernel = {1 + i % 3, 3, 3}};
    if (i % 4 < 2) layers.push_back(MakeLayer(params, {.size = {3, 18, 22}}));
  }
  return layers;
}

// Pointwise, so that blocks have a chunk, of 16 or 32 channels, or some more; in and out.
std::vector<Layer> PointwiseChannels() {
  std::vector<Layer> layers;
  for (const int64_t inputs : {30, 32,  34,  36,  40,  44,  48,  62,  64,  66,  68,  72,  76, 80,
                               96, 100, 124, 126, 128, 130, 132, 136, 150, 160, 192, 196, 256}) {
    for (const int64_t outputs : {2, 4, 20, 34}) {
      const ConvParams params = {
          .in_channels = inputs, .out_channels = outputs + inputs % 8, .kernel = {1, 1}};
      layers.push_back(MakeLayer(params, {.size = {1 + outputs % 3, 5}}));
    }
  }
  for (int64_t outputs = 1; outputs <= 140; ++outputs) {
    const ConvParams params = {
        .in_channels = 128 + 4 * (outputs % 3), .out_channels = outputs, .kernel = {1, 1}};
    layers.push_back(MakeLayer(params, {.batch = 1 + outputs % 2, .size = {2, 3}}));
  }
  return layers;
}

std::vector<Layer> PointwiseImages() {
  std::vector<Layer> layers;
  const auto add = [&layers](ConvParams params, const Image& image) {
    const auto turn = static_cast<int64_t>(layers.size());
    params.in_channels = 128 + 4 * (turn % 5);
    params.out_channels = 8 + 4 * (turn % 11);
    layers.push_back(MakeLayer(params, image));
  };
  for (int64_t h = 1; h <= 4; ++h) {
    for (int64_t w = 1; w <= 5; ++w) {
      for (int64_t stride = 1; stride <= 4; ++stride) {
        add({.kernel = {1, 1}, .stride = {1 + stride / 2, 1 + stride % 3}},
            {.batch = 1 + (h + w) % 3, .size = {h, w}});
      }
    }
    add({.kernel = {1}, .stride = {h}}, {.batch = h, .size = {11}});
    add({.kernel = {1, 1, 1}, .stride = {h, 2, 1}, .dilation = {3, 1, 2}},
        {.batch = 2, .size = {4, 3, h}});
  }
  add({.kernel = {1, 1}}, {.size = {61, 43}});  // several blocks
  add({.kernel = {1, 1}, .stride = {2, 2}}, {.batch = 2, .size = {63, 53}});
  add({.kernel = {1, 1}}, {.batch = 0, .size = {5, 5}});
  for (const int64_t inputs : {512, 1000, 2048, 3000}) {
    ConvParams params = {.in_channels = inputs, .out_channels = 44, .kernel = {1, 1}};
    layers.push_back(MakeLayer(params, {.size = {7, 9}}));
  }
  return layers;
}

// What Run takes Strassen's kernels for wherever there are any, of uniform weights; and images that
// are too small for it.
std::vector<Layer> LargePointwise() {
  std::vector<Layer> layers;
  for (int64_t i = 0; i < 36; ++i) {
    const ConvParams params = {.in_channels = 256 + 4 * (i % 9),
                               .out_channels = i % 2 == 0 ? 256 - 2 * i : 256 + 4 * (i % 7),
                               .kernel = {1, 1},
                               .stride = {1 + i % 4 / 3, 1}};
    layers.push_back(MakeLayer(params, {.size = {9 + i % 5, 8}}));
    if (i % 4 < 2) layers.push_back(MakeLayer(params, {.size = {1, 1 + i % 3}}));
  }
  return layers;
}

// Sums that need not have 26 bits.
std::vector<Layer> Deep() {
  std::vector<Layer> layers;
  for (int64_t i = 0; i < 42; ++i) {
    ConvParams params = {.in_channels = 150 + 20 * i,
                         .out_channels = 8 + i % 9,
                         .kernel = {3, 3},
                         .padding = {1, 1}};
    layers.push_back(MakeLayer(params, {.size = {5, 4 + i % 3}}));
    if (i % 6 == 0) layers.push_back(MakeLayer(params, {.size = {12, 13}}));  // several blocks
    params.in_channels = 40 + 6 * i;
    params.kernel = {2 + i % 3, 3, 3};
    params.padding = {1, 1, 1};
    layers.push_back(MakeLayer(params, {.size = {2, 4, 5}}));
  }
  return layers;
}

// As they are; 127; -128; both in turns; both at random; small ones, with fast direct kernels.
void DrawWeights(int kind, cases::Rng& rng, Case& c) {
  if (kind == 0) return;
  for (size_t i = 0; i < c.weights.size(); ++i) {
    const int64_t drawn[] = {127, -128, i % 2 == 1 ? 127 : -128, rng.Int(0, 1) * 255 - 128,
                             rng.Int(-3, 3)};
    c.weights[i] = static_cast<int8_t>(drawn[kind - 1]);
  }
}

// None; one; some; far ones that transformed weights have just room for; beyond.
void ChooseZeroPoints(int kind, Case& c) {
  constexpr int32_t kFarthest = 668 - 128;
  c.weight_zero_points.clear();
  if (kind == 1) c.weight_zero_points = {-77};
  if (kind < 2) return;
  for (int32_t j = 0; j < c.layer.params.out_channels; ++j) {
    int32_t zero_point = j * 37 % 256 - 128;
    if (kind == 3 && j % 3 == 0) zero_point = kFarthest - j;
    if (kind == 3 && j % 3 == 1) zero_point = j - kFarthest - 1;
    if (kind == 4 && j % 3 == 0) zero_point = 2 * kFarthest;
    c.weight_zero_points.push_back(zero_point);
  }
}

// Random bytes; the ends of the range; grids of them; the upper end.
void DrawInput(int kind, cases::Rng& rng, Case& c) {
  const auto channels = static_cast<size_t>(c.layer.params.in_channels);
  for (size_t i = 0; i < c.input.size(); ++i) {
    const int64_t drawn[] = {rng.Int(0, 255), 255 * rng.Int(0, 1),
                             255 * static_cast<int64_t>(i / channels % 2),
                             255 * static_cast<int64_t>((i / channels + i % channels) % 2), 255};
    c.input[i] = static_cast<uint8_t>(drawn[kind]);
  }
}

}  // namespace

const std::vector<TransformedFamily>& TransformedFamilies() {
  static const std::vector<TransformedFamily> families = {
      {"channels", Channels},
      {"outputs", Outputs},
      {"groups", Groups},
      {"images", Images},
      {"large_images", LargeImages, true},
      {"deep", Deep, true},
      {"pointwise_channels", PointwiseChannels},
      {"pointwise_images", PointwiseImages},
      {"large_pointwise", LargePointwise, true}};
  return families;
}

void PrintTo(const TransformedFamily& family, std::ostream* out) { *out << family.name; }

Case MakeTransformedCase(const Layer& layer, int index) {
  // Turns of coprime lengths, so that all meet all.
  Case c = cases::MakeCase(layer, cases::Weights::kUniform, static_cast<uint64_t>(index));
  c.layer.name = "layer " + std::to_string(index);
  cases::Rng rng(static_cast<uint64_t>(index));
  DrawWeights(index % 7 % 6, rng, c);
  ChooseZeroPoints(index % 11 % 5, c);
  const int32_t zero_points[] = {0, 128, 255};
  c.input_quantization.zero_point = zero_points[index / 2 % 3];
  DrawInput(index % 13 % 5, rng, c);
  if (index % 5 == 4) {
    c.input_maximum = 127;
    c.input_quantization.zero_point /= 3;
    for (uint8_t& byte : c.input) byte /= 2;
  }
  cases::ChooseOutput(c);
  // Coarse scales keep most results within bounds, fine ones show the lowest bits.
  if (index % 4 == 3) c.output_quantization.scale /= 64;
  ScaleSomeChannels(index % 17, c);
  if (index % 3 == 2) {
    const float scale = c.output_quantization.scale;
    c.activation = index % 2 == 0 ? Clamp(-90 * scale, 100 * scale) : Relu();
  }
  return c;
}

pack::PackedLayer Pack(const Case& c, const std::string& isa) {
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias,
                    {.activation = c.activation,
                     .isa = isa,
                     .input_maximum = c.input_maximum,
                     .transforms = c.transforms});
}

std::vector<pack::PackedLayer> PackTransformed(const Case& c, const std::string& isa) {
  const pack::PackedLayer layer = Pack(c, isa);
  std::vector<pack::PackedLayer> all;
  for (int transform = 0; transform < kernels::kTransformCount; ++transform) {
    auto transformed =
        BuildTransformed(layer, transform, {c.quantization(), c.weights, c.bias, c.activation});
    if (transformed) all.push_back(*std::move(transformed));
  }
  return all;
}

Sizes SizesOf(const Case& c) {
  const pack::Geometry geometry = ValidateParams(c.layer.params);
  Sizes sizes;
  sizes.input = ValidateImage(geometry, c.layer.image);
  sizes.output = OutputSize(geometry, sizes.input);
  return sizes;
}

}  // namespace qconv::test
