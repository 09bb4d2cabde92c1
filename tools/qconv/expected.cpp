#include "expected.h"

#include <fmt/core.h>

#include <cstddef>
#include <span>

#include "common/layer.h"
#include "pixels.h"

namespace qconv::command {
namespace {

// Number in the output of the i-th pixel that is checked.
int64_t Pixel(const Expected& expected, int64_t i) {
  return expected.sample.empty() ? i : expected.sample[static_cast<size_t>(i)];
}

// "[n,d,h,w,c] = [0,0,3,5,17]" for a byte of the output.
std::string Coordinates(const cases::Layer& layer, int64_t pixel, int64_t channel) {
  std::vector<int64_t> position = cases::PixelPosition(layer.OutputImage(), pixel);
  position.insert(position.begin() + 1, 4 - position.size(), 0);
  return fmt::format("[n,d,h,w,c] = [{},{},{},{},{}]", position[0], position[1], position[2],
                     position[3], channel);
}

}  // namespace

Expected MakeExpected(const cases::Case& instance, uint64_t seed, int threads) {
  const cases::Layer& layer = instance.layer;
  if (!instance.expected.empty()) return {.sample = {}, .bytes = instance.expected};
  Expected expected = {.sample = SampleOf(layer, seed), .bytes = {}};
  const ReferenceConv reference = instance.Reference();
  const auto channels = static_cast<size_t>(layer.params.out_channels);
  expected.bytes.resize(static_cast<size_t>(PixelCount(layer, expected.sample)) * channels);
  ForEachPixel(
      layer, expected.sample, threads, [&](int64_t i, int64_t batch, const Spatial& position) {
        reference.RunPixel(
            layer.image, instance.input, batch, position,
            std::span(expected.bytes).subspan(static_cast<size_t>(i) * channels, channels));
      });
  return expected;
}

std::vector<uint8_t> WrongOutput(const cases::Case& instance, const Expected& expected) {
  std::vector<uint8_t> output(static_cast<size_t>(instance.layer.OutputBytes()));
  const auto channels = static_cast<size_t>(instance.layer.params.out_channels);
  for (size_t i = 0; i < expected.bytes.size(); ++i) {
    const auto pixel = static_cast<size_t>(Pixel(expected, static_cast<int64_t>(i / channels)));
    output[pixel * channels + i % channels] = static_cast<uint8_t>(~expected.bytes[i]);
  }
  return output;
}

std::optional<std::string> Compare(const cases::Case& instance, const Expected& expected,
                                   const std::vector<uint8_t>& output) {
  const auto channels = static_cast<size_t>(instance.layer.params.out_channels);
  int64_t differing = 0;
  std::string first;
  for (size_t i = 0; i < expected.bytes.size(); ++i) {
    const int64_t pixel = Pixel(expected, static_cast<int64_t>(i / channels));
    const size_t channel = i % channels;
    const uint8_t got = output[static_cast<size_t>(pixel) * channels + channel];
    if (got == expected.bytes[i]) continue;
    if (differing++ == 0) {
      first = fmt::format("{}: got {}, want {}",
                          Coordinates(instance.layer, pixel, static_cast<int64_t>(channel)), got,
                          expected.bytes[i]);
    }
  }
  if (differing == 0) return std::nullopt;
  return fmt::format("{} of {} bytes differ, the first at {}", differing, expected.bytes.size(),
                     first);
}

}  // namespace qconv::command
