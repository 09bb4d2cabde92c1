// Random small layers over the whole parameter space.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/case.h"
#include "common/numbers.h"
#include "common/rng.h"

namespace qconv::cases {
namespace {

constexpr int64_t kMostMacs = 4'000'000;
// Weights per output channel. Keeps extreme weights and zero points within an int32 accumulator.
constexpr int64_t kLongest = 4096;

// Small and odd counts most of the time; some that fill whole vectors or leave a few lanes over.
int64_t DrawChannels(Rng& rng) {
  switch (rng.Int(0, 4)) {
    case 0:
      return rng.Int(1, 8);
    case 1:
      return rng.Int(1, 40);
    case 2:
      return rng.Int(1, 200);
    case 3:
      return 16 * rng.Int(1, 12);
    default: {
      const int64_t vectors = rng.Int(1, 12);
      return 16 * vectors + rng.Int(-2, 2);
    }
  }
}

void DrawGroups(Rng& rng, ConvParams& params) {
  switch (rng.Int(0, 7)) {
    case 0:
    case 1:  // depthwise, at times with several outputs per channel
      params.groups = params.in_channels = DrawChannels(rng);
      params.out_channels = params.groups * rng.Pick<int64_t>({1, 1, 1, 2, 3, rng.Int(4, 20)});
      break;
    case 2:
      params.groups = rng.Int(2, 12);
      params.in_channels = params.groups * rng.Int(1, 20);
      params.out_channels = params.groups * rng.Int(1, 20);
      break;
    case 3: {  // many narrow groups, mostly of as many outputs as inputs
      const int64_t inputs = rng.Pick<int64_t>({2, 3, 4, 8, rng.Int(2, 12)});
      params.groups = rng.Int(2, 200 / inputs);
      params.in_channels = params.groups * inputs;
      params.out_channels = params.groups * rng.Pick<int64_t>({inputs, inputs, rng.Int(1, 12)});
      break;
    }
    default:
      params.groups = 1;
      params.in_channels = DrawChannels(rng);
      params.out_channels = DrawChannels(rng);
  }
}

// Calls draw(i) for each entry.
template <typename Draw>
Spatial Drawn(int rank, Draw draw) {
  Spatial spatial = Spatial::Filled(rank, 0);
  for (int i = 0; i < rank; ++i) spatial[i] = draw(i);
  return spatial;
}

Spatial DrawKernel(Rng& rng, int rank) {
  if (rng.OneIn(4)) return Spatial::Filled(rank, 1);
  const int64_t longest[] = {rng.OneIn(4) ? 40 : 9, rng.OneIn(4) ? 9 : 5, 3};
  return Drawn(rank, [&](int) { return rng.Int(1, longest[rank - 1]); });
}

// Paddings of every kind: none, that of "same", or anything up to beyond the kernel's extent.
void DrawPadding(Rng& rng, ConvParams& params, const Spatial& extent) {
  const int rank = extent.rank();
  const int64_t kind = rng.Int(0, 2);
  params.padding = Drawn(rank, [&](int i) {
    return kind == 0 ? 0 : kind == 1 ? extent[i] / 2 : rng.Int(0, extent[i] + 1);
  });
  params.padding_end = params.padding;
  if (kind == 2) params.padding_end = Drawn(rank, [&](int i) { return rng.Int(0, extent[i] + 1); });
}

Layer DrawLayer(Rng& rng) {
  Layer layer;
  ConvParams& params = layer.params;
  const int rank = static_cast<int>(rng.Pick<int64_t>({1, 2, 2, 3}));
  DrawGroups(rng, params);
  params.kernel = DrawKernel(rng, rank);
  params.stride =
      rng.OneIn(2) ? Spatial::Filled(rank, 1) : Drawn(rank, [&](int) { return rng.Int(1, 3); });
  params.dilation =
      rng.OneIn(4) ? Drawn(rank, [&](int) { return rng.Int(1, 3); }) : Spatial::Filled(rank, 1);
  const Spatial extent =
      Drawn(rank, [&](int i) { return params.dilation[i] * (params.kernel[i] - 1) + 1; });
  DrawPadding(rng, params, extent);
  const int64_t room[] = {60, 14, 6};
  layer.image.size = Drawn(rank, [&](int i) {
    const int64_t smallest = extent[i] - params.padding[i] - params.padding_end[i];
    return std::max<int64_t>(1, smallest) + rng.Int(0, room[rank - 1]);
  });
  layer.image.batch = rng.OneIn(16) ? 0 : rng.Pick<int64_t>({1, 1, 2, 3});
  return layer;
}

// Powers of two make exact ties at the final rounding common.
float DrawScale(Rng& rng, bool power_of_two) {
  return static_cast<float>(power_of_two ? std::ldexp(1.0, static_cast<int>(rng.Int(-9, -5)))
                                         : rng.Real(0.001, 0.05));
}

void DrawWeightQuantization(Rng& rng, bool powers_of_two, Case& drawn) {
  const int64_t channels = drawn.layer.params.out_channels;
  const int64_t length = drawn.layer.WeightCount() / channels;
  const int64_t scales = rng.OneIn(2) ? channels : 1;
  for (int64_t j = 0; j < scales; ++j) {
    drawn.weight_scales.push_back(DrawScale(rng, powers_of_two));
  }
  if (rng.OneIn(2)) return;
  // At the limit the largest accumulator nears 2^31.
  const int64_t limit = rng.OneIn(4) ? (int64_t{1} << 31) / (255 * length) - 129 : 128;
  const int64_t zero_points = rng.OneIn(2) ? channels : 1;
  for (int64_t j = 0; j < zero_points; ++j) {  // the ends, too: weights beyond s8 by the most
    const int64_t zero_point =
        rng.Pick<int64_t>({rng.Int(-limit, limit - 1), rng.Int(-limit, limit - 1), rng.Int(-9, 9),
                           -limit, limit - 1});
    drawn.weight_zero_points.push_back(static_cast<int32_t>(zero_point));
  }
}

// Leaves ChooseOutput's range where that hides something: fine scales show the lowest bits of the
// accumulators, minute ones take the results out of int32.
void DisturbOutput(Rng& rng, bool power_of_two, Affine& output) {
  double scale = output.scale;
  if (rng.OneIn(3)) scale /= static_cast<double>(rng.Pick<int64_t>({4, 64, 1'000'000'000}));
  if (power_of_two) {
    int exponent = 0;
    std::frexp(scale, &exponent);
    scale = std::ldexp(1.0, exponent);
  }
  output.scale = static_cast<float>(scale);
  if (rng.OneIn(3)) output.zero_point = static_cast<int32_t>(rng.Int(0, 255));
}

Activation DrawActivation(Rng& rng, const Affine& output) {
  switch (rng.Int(0, 4)) {
    case 0:
      return Relu();
    case 1:
      return Relu6();
    case 2: {
      const auto bound = [&] {
        return output.scale * static_cast<float>(rng.Real(-50, 305) - output.zero_point);
      };
      const float one = bound();
      const float other = bound();
      return Clamp(std::min(one, other), std::max(one, other));
    }
    default:
      return Identity();
  }
}

// Draws the input anew, within the maximum; 127 is what reduced range gives.
void DeclareInputMaximum(Rng& rng, Weights weights, std::optional<int32_t> given, Case& drawn) {
  const int64_t maximum = rng.Pick<int64_t>({127, 127, rng.Int(0, 254)});
  drawn.input_maximum = given.value_or(static_cast<int32_t>(maximum));
  drawn.input_quantization.zero_point =
      std::min(drawn.input_quantization.zero_point, drawn.input_maximum);
  DrawInput(rng, weights, drawn);
}

}  // namespace

Case RandomCase(uint64_t seed, std::optional<int32_t> input_maximum) {
  Rng rng(seed);
  Case drawn;
  do {
    drawn.layer = DrawLayer(rng);
  } while (drawn.layer.Macs() > kMostMacs ||
           drawn.layer.WeightCount() > kLongest * drawn.layer.params.out_channels);
  drawn.layer.net = "random";
  drawn.layer.name = "seed " + std::to_string(seed);
  const Weights weights =
      rng.Pick({Weights::kLaplace, Weights::kUniform, Weights::kUniform, Weights::kExtremes});
  const bool powers_of_two = rng.OneIn(4);
  drawn.input_quantization = {
      .scale = DrawScale(rng, powers_of_two),
      .zero_point = static_cast<int32_t>(rng.Pick<int64_t>({0, 128, 255, rng.Int(0, 255)}))};
  DrawInput(rng, weights, drawn);
  DrawWeights(rng, weights, drawn);
  DrawWeightQuantization(rng, powers_of_two, drawn);
  // Without bias one time in three; with powers of two a bias would end the ties.
  if (!powers_of_two && !rng.OneIn(3)) DrawBias(rng, drawn);
  ChooseOutput(drawn);
  DisturbOutput(rng, powers_of_two, drawn.output_quantization);
  drawn.activation = DrawActivation(rng, drawn.output_quantization);
  // Last, so that it changes nothing where no maximum is declared.
  if (rng.OneIn(4) || input_maximum) DeclareInputMaximum(rng, weights, input_maximum, drawn);
  return drawn;
}

}  // namespace qconv::cases
