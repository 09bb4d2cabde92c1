#include "common/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace qconv::cases {
namespace {

// Mean and standard deviation of a channel's results in real units.
struct Spread {
  double mean = 0;
  double sigma = 0;
};

double InputMean(const Case& drawn) {
  double sum = 0;
  for (const uint8_t a : drawn.input) sum += a;
  return drawn.input.empty() ? 127.5 : sum / static_cast<double>(drawn.input.size());
}

double InputVariance(const Case& drawn, double mean) {
  double sum = 0;
  for (const uint8_t a : drawn.input) sum += (a - mean) * (a - mean);
  return drawn.input.empty() ? 0 : sum / static_cast<double>(drawn.input.size());
}

template <typename T>
T OfChannel(const std::vector<T>& values, size_t channel) {
  return values.empty() ? T{} : values[values.size() == 1 ? 0 : channel];
}

// Of all channels, the bias left out. Takes the inputs to be independent of each other.
std::vector<Spread> Spreads(const Case& drawn) {
  const double mean = InputMean(drawn);
  const double variance = InputVariance(drawn, mean);
  const auto channels = static_cast<size_t>(drawn.layer.params.out_channels);
  const size_t length = drawn.weights.size() / channels;
  std::vector<Spread> spreads;
  for (size_t j = 0; j < channels; ++j) {
    double sum = 0;
    double squares = 0;
    for (size_t k = 0; k < length; ++k) {
      const double w = static_cast<double>(drawn.weights[j * length + k]) -
                       OfChannel(drawn.weight_zero_points, j);
      sum += w;
      squares += w * w;
    }
    const double scale =
        static_cast<double>(drawn.input_quantization.scale) * OfChannel(drawn.weight_scales, j);
    spreads.push_back({.mean = scale * (mean - drawn.input_quantization.zero_point) * sum,
                       .sigma = scale * std::sqrt(variance * squares)});
  }
  return spreads;
}

// One channel of Laplace distributed weights, scaled so that the largest magnitude is 127.
void DrawLaplaceChannel(Rng& rng, std::span<int8_t> weights, std::vector<double>& scratch) {
  scratch.resize(weights.size());
  double largest = 0;
  for (double& value : scratch) {
    value = rng.Laplace();
    largest = std::max(largest, std::abs(value));
  }
  // `largest` is 0 only if every value is.
  const double factor = largest > 0 ? 127 / largest : 0;
  for (size_t k = 0; k < weights.size(); ++k) {
    weights[k] = static_cast<int8_t>(std::nearbyint(scratch[k] * factor));
  }
}

}  // namespace

void DrawInput(Rng& rng, Weights kind, Case& drawn) {
  drawn.input.resize(static_cast<size_t>(drawn.layer.InputBytes()));
  const auto values = static_cast<uint64_t>(drawn.input_maximum) + 1;
  for (uint8_t& a : drawn.input) {
    const uint64_t bits = rng.Next();
    a = static_cast<uint8_t>(kind == Weights::kExtremes ? (bits & 1u) * (values - 1)
                                                        : bits % values);
  }
}

void DrawWeights(Rng& rng, Weights kind, Case& drawn) {
  drawn.weights.resize(static_cast<size_t>(drawn.layer.WeightCount()));
  const auto channels = static_cast<size_t>(drawn.layer.params.out_channels);
  const size_t length = drawn.weights.size() / channels;
  const std::span<int8_t> all(drawn.weights);
  std::vector<double> scratch;
  for (size_t j = 0; j < channels; ++j) {
    const std::span<int8_t> channel = all.subspan(j * length, length);
    if (kind == Weights::kLaplace) {
      DrawLaplaceChannel(rng, channel, scratch);
    } else {
      for (int8_t& w : channel) {
        const auto bits = static_cast<int8_t>(rng.Next() & 255u);
        w = kind == Weights::kUniform ? bits : static_cast<int8_t>(bits < 0 ? -128 : 127);
      }
    }
  }
}

void DrawBias(Rng& rng, Case& drawn) {
  drawn.bias.clear();
  for (const Spread& spread : Spreads(drawn)) {
    drawn.bias.push_back(static_cast<float>(spread.sigma * rng.Real(-1, 1)));
  }
}

void ChooseOutput(Case& drawn) {
  double lower = 0;
  double upper = 0;
  const std::vector<Spread> spreads = Spreads(drawn);
  for (size_t j = 0; j < spreads.size(); ++j) {
    const double mean = spreads[j].mean + OfChannel(drawn.bias, j);
    lower = std::min(lower, mean - 2 * spreads[j].sigma);
    upper = std::max(upper, mean + 2 * spreads[j].sigma);
  }
  // All results are equal to zero when lower == upper: any scale will do.
  const double scale = upper > lower ? (upper - lower) / 255 : 1;
  drawn.output_quantization.scale = static_cast<float>(scale);
  drawn.output_quantization.zero_point = static_cast<int32_t>(std::nearbyint(-lower / scale));
}

}  // namespace qconv::cases
