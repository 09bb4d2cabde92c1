// A user's program: one pixel, two channels in, one out. 10 * 3 + 20 * -2 = -10; above a zero point
// of 100 that is 90.
#include <qconv/qconv.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <vector>

int main() {
  const std::vector<float> weight_scales = {1.0f};
  const std::vector<int8_t> weights = {3, -2};
  const qconv::ConvParams params = {.in_channels = 2, .out_channels = 1, .kernel = {1, 1}};
  const qconv::Conv conv = qconv::Conv::Prepack(
      params, {.weight_scales = weight_scales, .output = {.zero_point = 100}}, weights);
  const std::vector<uint8_t> input = {10, 20};
  std::vector<uint8_t> output(1);
  conv.Run({.size = {1, 1}}, input, output);
  std::printf("qconv %s on %s: %d\n", QCONV_VERSION, conv.Describe().isa.c_str(), output[0]);
  // An exception thrown in the library is caught outside of it.
  bool caught = false;
  try {
    conv.Run({.size = {1, 2}}, input, output);
  } catch (const std::invalid_argument&) {
    caught = true;
  }
  // What is public is exported.
  qconv::SaturationCount count;
  count += {.outputs = 1};
  return output[0] == 90 && caught && count.outputs == 1 ? 0 : 1;
}
