#include "reference_sample.h"

#include <algorithm>

#include "common/rng.h"
#include "qconv/reference.h"

namespace qconv::bench {
namespace {

constexpr int64_t kMacs = 8'000'000;
constexpr int64_t kFewest = 4, kMost = 64;

std::vector<int64_t> ChoosePixels(int64_t pixels, int64_t macs) {
  std::vector<int64_t> chosen;
  if (pixels == 0) return chosen;
  const int64_t count = std::clamp(kMacs / std::max<int64_t>(macs / pixels, 1), kFewest, kMost);
  chosen = {0, pixels - 1};
  cases::Rng rng(1);
  while (static_cast<int64_t>(chosen.size()) < count) chosen.push_back(rng.Int(0, pixels - 1));
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

}  // namespace

ReferenceSample::ReferenceSample(const cases::Case& numbers)
    : channels_(static_cast<size_t>(numbers.layer.params.out_channels)) {
  const Image image = numbers.layer.OutputImage();
  pixels_ = ChoosePixels(cases::Pixels(image), numbers.layer.Macs());
  bytes_.resize(pixels_.size() * channels_);
  const ReferenceConv reference = numbers.Reference();
  for (size_t i = 0; i < pixels_.size(); ++i) {
    const std::vector<int64_t> position = cases::PixelPosition(image, pixels_[i]);
    reference.RunPixel(numbers.layer.image, numbers.input, position[0],
                       Spatial(std::span(position).subspan(1)),
                       std::span(bytes_).subspan(i * channels_, channels_));
  }
}

double ReferenceSample::Wrong(std::span<const uint8_t> output) const {
  size_t wrong = 0;
  for (size_t i = 0; i < bytes_.size(); ++i) {
    const size_t pixel = static_cast<size_t>(pixels_[i / channels_]);
    wrong += output[pixel * channels_ + i % channels_] != bytes_[i];
  }
  return static_cast<double>(wrong) / static_cast<double>(std::max<size_t>(bytes_.size(), 1));
}

}  // namespace qconv::bench
