#include "pixels.h"

#include <fmt/core.h>

#include <atomic>
#include <cstddef>
#include <future>
#include <set>
#include <span>

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

// Every corner, some pixels of every edge, and as many others as the time allows.
std::vector<int64_t> DrawSample(const cases::Layer& layer, uint64_t seed) {
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

}  // namespace

std::vector<int64_t> SampleOf(const cases::Layer& layer, uint64_t seed) {
  if (layer.Macs() <= kMostMacs) return {};
  return DrawSample(layer, seed);
}

int64_t PixelCount(const cases::Layer& layer, const std::vector<int64_t>& sample) {
  return sample.empty() ? cases::Pixels(layer.OutputImage()) : static_cast<int64_t>(sample.size());
}

std::string SampleText(const cases::Layer& layer, const std::vector<int64_t>& sample) {
  if (sample.empty()) return "";
  return fmt::format(" (a sample: {} of {} pixels)", sample.size(),
                     cases::Pixels(layer.OutputImage()));
}

void ForEachPixel(const cases::Layer& layer, const std::vector<int64_t>& sample, int threads,
                  const PixelTask& task) {
  const Image image = layer.OutputImage();
  const int64_t count = PixelCount(layer, sample);
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      const int64_t pixel = sample.empty() ? i : sample[static_cast<size_t>(i)];
      const std::vector<int64_t> position = cases::PixelPosition(image, pixel);
      task(i, position[0], Spatial(std::span(position).subspan(1)));
    }
  };
  std::vector<std::future<void>> workers;
  workers.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) workers.push_back(std::async(std::launch::async, work));
  for (std::future<void>& worker : workers) worker.get();
}

}  // namespace qconv::command
