// One quantized layer inside a program: packed once, run, checked against the definition.
//
// README.md shows what stands between the two marks; the test `readme_example` keeps them the same.
#include <qconv/qconv.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main() {
  // Any numbers will do: the upper bits of a linear congruential sequence.
  uint32_t state = 1;
  const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 24; };
  std::vector<uint8_t> input(56 * 56 * 64);
  for (uint8_t& value : input) value = static_cast<uint8_t>(next());
  std::vector<int8_t> weights(128 * 3 * 3 * 64);
  for (int8_t& weight : weights) weight = static_cast<int8_t>(next());
  std::vector<float> bias(128);
  std::vector<float> weight_scales(128);
  for (int j = 0; j < 128; ++j) {
    bias[j] = 0.1f * static_cast<float>(j % 7);
    weight_scales[j] = 0.0002f + 0.00001f * static_cast<float>(j % 10);
  }

  // [embed]
  // A 3x3 convolution with stride 2, 64 -> 128 channels, and a ReLU.
  const qconv::ConvParams params = {.in_channels = 64,
                                    .out_channels = 128,
                                    .kernel = {3, 3},
                                    .stride = {2, 2},
                                    .padding = {1, 1}};
  const qconv::Quantization quantization = {.input = {.scale = 0.02f, .zero_point = 114},
                                            .weight_scales = weight_scales,  // one per channel
                                            .output = {.scale = 0.05f, .zero_point = 10}};

  // Once per layer. The weights are s8, [out][kh][kw][in]; the bias is float, in real units.
  // Throws std::invalid_argument, naming the argument, if something is wrong with one.
  const qconv::Conv conv =
      qconv::Conv::Prepack(params, quantization, weights, bias, {.activation = qconv::Relu()});

  // Many times, from any thread, any batch and image size. Activations are u8, channels-last.
  const qconv::Image image = {.batch = 1, .size = {56, 56}};
  std::vector<uint8_t> output(conv.OutputBytes(image));
  conv.Run(image, input, output);
  // [/embed]

  std::printf("%s; the first pixel:", conv.Describe().isa.c_str());
  for (int j = 0; j < 12; ++j) std::printf(" %d", output[j]);
  std::printf(" ...\n");

  const qconv::ReferenceConv reference(params, quantization, weights, bias, qconv::Relu());
  std::vector<uint8_t> expected(output.size());
  reference.Run(image, input, expected);
  if (output != expected) {
    std::printf("The bytes are not those of the definition.\n");
    return EXIT_FAILURE;
  }
  std::printf("All %zu bytes are those of the definition.\n", output.size());
  return EXIT_SUCCESS;
}
