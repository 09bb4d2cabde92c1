// SaturatingConv: the sums of a layer as vpmaddubsw makes them (qconv/saturation.h), in plain
// loops.
//
// Layer: reference. Read next: saturating_path.h for the choice of the path, layer.h for what comes
// before and after the sums.
#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "qconv/saturation.h"
#include "reference/layer.h"
#include "reference/saturating_path.h"

namespace qconv {
namespace {

using reference::Layer;

// The sums of one output pixel, out_channels of each.
struct Sums {
  std::vector<int32_t> kept;   // with saturation
  std::vector<int32_t> exact;  // without
  std::vector<bool> saturated;
};

// The input of one output channel, [tap][depth], padding filled in.
std::vector<uint8_t> Window(const Layer& layer, const std::vector<const uint8_t*>& taps,
                            int64_t first_input) {
  std::vector<uint8_t> window;
  window.reserve(taps.size() * static_cast<size_t>(layer.Depth()));
  for (const uint8_t* tap : taps) {
    if (tap == nullptr) {
      window.insert(window.end(), static_cast<size_t>(layer.Depth()),
                    static_cast<uint8_t>(layer.input.zero_point));
    } else {
      window.insert(window.end(), tap + first_input, tap + first_input + layer.Depth());
    }
  }
  return window;
}

// One sum in two ways: of int16 pairs, as FBGEMM makes it, zero points folded in at the end, and
// exactly.
void AddSum(const Layer& layer, SaturatingPath path, int64_t channel,
            const std::vector<uint8_t>& window, Sums& sums) {
  const std::span<const int8_t> weights = layer.WeightsOf(channel);
  const size_t length = window.size();
  int64_t exact = 0, kept = 0, weight_sum = 0, row_sum = 0;
  bool saturated = false;
  for (size_t k = 0; k < length; k += 2) {
    int32_t pair = window[k] * weights[k];
    weight_sum += weights[k];
    row_sum += window[k];
    if (k + 1 < length) {
      pair += window[k + 1] * weights[k + 1];
      weight_sum += weights[k + 1];
      row_sum += window[k + 1];
    }
    const int32_t short_pair = std::clamp(pair, reference::kInt16Min, reference::kInt16Max);
    exact += pair;
    kept += short_pair;
    saturated |= short_pair != pair;
  }
  // Its addends are not negative, so that it saturates once for all, whatever their order.
  int64_t kept_row_sum = row_sum;
  if (reference::HasShortRowSums(path)) {
    kept_row_sum = std::min<int64_t>(row_sum, reference::kInt16Max);
  }
  const int64_t zero_point = layer.weight_zero_points[static_cast<size_t>(channel)];
  const int64_t offset =
      -layer.input.zero_point * (weight_sum - zero_point * static_cast<int64_t>(length));
  sums.exact.push_back(static_cast<int32_t>(exact + offset - zero_point * row_sum));
  sums.kept.push_back(static_cast<int32_t>(kept + offset - zero_point * kept_row_sum));
  sums.saturated.push_back(saturated || (zero_point != 0 && kept_row_sum != row_sum));
}

Sums SumsOf(const Layer& layer, SaturatingPath path, const Image& image,
            std::span<const uint8_t> input, int64_t batch, const Spatial& position) {
  const std::vector<const uint8_t*> taps = reference::TapsOf(layer, image, input, batch, position);
  Sums sums;
  std::vector<uint8_t> window;
  int64_t first_input = -1;
  for (int64_t j = 0; j < layer.params.out_channels; ++j) {
    if (layer.FirstInput(j) != first_input) {
      first_input = layer.FirstInput(j);
      window = Window(layer, taps, first_input);
    }
    AddSum(layer, path, j, window, sums);
  }
  return sums;
}

}  // namespace

SaturationCount& SaturationCount::operator+=(const SaturationCount& other) {
  outputs += other.outputs;
  saturated += other.saturated;
  different += other.different;
  largest_difference = std::max(largest_difference, other.largest_difference);
  return *this;
}

SaturatingConv::SaturatingConv(const ConvParams& params, const Quantization& quantization,
                               std::span<const int8_t> weights, std::span<const float> bias,
                               Activation activation)
    : layer_(std::make_shared<const Layer>(
          reference::MakeLayer(params, quantization, weights, bias, activation))),
      path_(reference::ChooseSaturatingPath(layer_->params)) {}

Image SaturatingConv::OutputImage(const Image& image) const {
  return reference::OutputImage(*layer_, image);
}

void SaturatingConv::Run(const Image& image, std::span<const uint8_t> input,
                         std::span<uint8_t> output) const {
  reference::Run(*layer_, image, input, output, [&](int64_t batch, const Spatial& position) {
    return Accumulators(image, input, batch, position);
  });
}

void SaturatingConv::RunPixel(const Image& image, std::span<const uint8_t> input, int64_t batch,
                              const Spatial& position, std::span<uint8_t> output) const {
  reference::WritePixel(*layer_, Accumulators(image, input, batch, position), input, output);
}

std::vector<int32_t> SaturatingConv::Accumulators(const Image& image,
                                                  std::span<const uint8_t> input, int64_t batch,
                                                  const Spatial& position) const {
  return SumsOf(*layer_, path_, image, input, batch, position).kept;
}

SaturationCount SaturatingConv::Count(const Image& image, std::span<const uint8_t> input) const {
  SaturationCount count;
  reference::ForEachPixel(OutputImage(image), [&](int64_t batch, const Spatial& position) {
    count += CountPixel(image, input, batch, position);
  });
  return count;
}

SaturationCount SaturatingConv::CountPixel(const Image& image, std::span<const uint8_t> input,
                                           int64_t batch, const Spatial& position) const {
  const Sums sums = SumsOf(*layer_, path_, image, input, batch, position);
  std::vector<uint8_t> kept(sums.kept.size()), exact(sums.exact.size());
  reference::Requantize(*layer_, sums.kept, kept);
  reference::Requantize(*layer_, sums.exact, exact);
  SaturationCount count;
  count.outputs = layer_->params.out_channels;
  for (size_t j = 0; j < kept.size(); ++j) {
    const int32_t difference = std::abs(kept[j] - exact[j]);
    count.saturated += sums.saturated[j];
    count.different += difference != 0;
    count.largest_difference = std::max(count.largest_difference, difference);
  }
  return count;
}

}  // namespace qconv
