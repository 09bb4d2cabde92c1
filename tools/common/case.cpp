// Running a case, and cases of given layers.
#include "common/case.h"

#include <cstddef>

#include "common/numbers.h"

namespace qconv::cases {

Quantization Case::quantization() const {
  return {.input = input_quantization,
          .weight_scales = weight_scales,
          .weight_zero_points = weight_zero_points,
          .output = output_quantization};
}

Conv Case::Prepack(const std::string& isa) const {
  return Conv::Prepack(layer.params, quantization(), weights, bias,
                       {.activation = activation,
                        .isa = isa,
                        .input_maximum = input_maximum,
                        .transforms = transforms});
}

ReferenceConv Case::Reference() const {
  return ReferenceConv(layer.params, quantization(), weights, bias, activation, input_maximum);
}

SaturatingConv Case::Saturating() const {
  return SaturatingConv(layer.params, quantization(), weights, bias, activation);
}

std::vector<uint8_t> Case::Run(const Conv& conv, const Executor& executor) const {
  std::vector<uint8_t> output(static_cast<size_t>(conv.OutputBytes(layer.image)));
  conv.Run(layer.image, input, output, executor);
  return output;
}

Case MakeCase(const Layer& layer, Weights weights, uint64_t seed, int32_t input_maximum) {
  Rng rng(seed);
  Case drawn;
  drawn.layer = layer;
  drawn.input_maximum = input_maximum;
  // 0 is what follows a ReLU, about the middle a linear layer.
  drawn.input_quantization.zero_point = static_cast<int32_t>(
      rng.Pick<int64_t>({0, (input_maximum + 1) / 2, rng.Int(0, input_maximum)}));
  drawn.input_quantization.scale = static_cast<float>(rng.Real(0.01, 0.1));
  DrawInput(rng, weights, drawn);
  DrawWeights(rng, weights, drawn);
  for (int64_t j = 0; j < layer.params.out_channels; ++j) {
    drawn.weight_scales.push_back(static_cast<float>(rng.Real(0.001, 0.01)));
  }
  DrawBias(rng, drawn);
  ChooseOutput(drawn);
  return drawn;
}

}  // namespace qconv::cases
