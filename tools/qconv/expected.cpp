#include "expected.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <future>
#include <set>
#include <span>
#include <utility>

#include "common/layer.h"
#include "common/rng.h"

namespace qconv::command {
namespace {

constexpr int64_t kMostMacs = 2'000'000'000;  // of a layer that is checked in full
constexpr int64_t kSampleMacs = 500'000'000;  // spent on a sample, about
constexpr int64_t kPixelsPerEdge = 8;

// Batch and size, outermost first: the extents of a pixel's number.
std::vector<int64_t> Extents(const Image& image) {
  std::vector<int64_t> extents = {image.batch};
  extents.insert(extents.end(), image.size.begin(), image.size.begin() + image.size.rank());
  return extents;
}

int64_t PixelAt(const std::vector<int64_t>& extents, const std::vector<int64_t>& position) {
  int64_t pixel = 0;
  for (size_t i = 0; i < extents.size(); ++i) pixel = pixel * extents[i] + position[i];
  return pixel;
}

std::vector<int64_t> PositionOf(const std::vector<int64_t>& extents, int64_t pixel) {
  std::vector<int64_t> position(extents.size());
  for (size_t i = extents.size(); i-- > 0; pixel /= extents[i]) position[i] = pixel % extents[i];
  return position;
}

// Every corner, some pixels of every edge, and as many others as the time allows.
std::vector<int64_t> Sample(const cases::Layer& layer, uint64_t seed) {
  const std::vector<int64_t> extents = Extents(layer.OutputImage());
  cases::Rng rng(seed);
  std::set<int64_t> pixels;
  std::vector<int64_t> position(extents.size());
  for (uint64_t corner = 0; corner < uint64_t{1} << extents.size(); ++corner) {
    for (size_t i = 0; i < extents.size(); ++i) {
      position[i] = (corner >> i & 1u) != 0 ? extents[i] - 1 : 0;
    }
    pixels.insert(PixelAt(extents, position));
  }
  const auto draw = [&] {
    for (size_t i = 0; i < extents.size(); ++i) position[i] = rng.Int(0, extents[i] - 1);
  };
  for (size_t edge = 0; edge < 2 * extents.size(); ++edge) {
    for (int64_t i = 0; i < kPixelsPerEdge; ++i) {
      draw();
      position[edge / 2] = edge % 2 == 0 ? 0 : extents[edge / 2] - 1;
      pixels.insert(PixelAt(extents, position));
    }
  }
  const int64_t macs_per_pixel = layer.Macs() / cases::Pixels(layer.OutputImage());
  for (int64_t i = 0; i < kSampleMacs / macs_per_pixel; ++i) {
    draw();
    pixels.insert(PixelAt(extents, position));
  }
  return {pixels.begin(), pixels.end()};
}

int64_t PixelCount(const cases::Case& instance, const Expected& expected) {
  return expected.sample.empty() ? cases::Pixels(instance.layer.OutputImage())
                                 : static_cast<int64_t>(expected.sample.size());
}

// Number in the output of the i-th pixel that is checked.
int64_t Pixel(const Expected& expected, int64_t i) {
  return expected.sample.empty() ? i : expected.sample[static_cast<size_t>(i)];
}

// "[n,d,h,w,c] = [0,0,3,5,17]" for a byte of the output.
std::string Coordinates(const cases::Layer& layer, int64_t pixel, int64_t channel) {
  std::vector<int64_t> position = PositionOf(Extents(layer.OutputImage()), pixel);
  position.insert(position.begin() + 1, 4 - position.size(), 0);
  return fmt::format("[n,d,h,w,c] = [{},{},{},{},{}]", position[0], position[1], position[2],
                     position[3], channel);
}

}  // namespace

Expected MakeExpected(const cases::Case& instance, uint64_t seed, int threads) {
  const cases::Layer& layer = instance.layer;
  if (!instance.expected.empty()) return {.sample = {}, .bytes = instance.expected};
  Expected expected;
  if (layer.Macs() > kMostMacs) expected.sample = Sample(layer, seed);
  const ReferenceConv reference = instance.Reference();
  const std::vector<int64_t> extents = Extents(reference.OutputImage(layer.image));
  const auto channels = static_cast<size_t>(layer.params.out_channels);
  const int64_t count = PixelCount(instance, expected);
  expected.bytes.resize(static_cast<size_t>(count) * channels);
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      const std::vector<int64_t> position = PositionOf(extents, Pixel(expected, i));
      reference.RunPixel(
          layer.image, instance.input, position[0], Spatial(std::span(position).subspan(1)),
          std::span(expected.bytes).subspan(static_cast<size_t>(i) * channels, channels));
    }
  };
  std::vector<std::future<void>> workers;
  workers.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) workers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& worker : workers) worker.get();
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
