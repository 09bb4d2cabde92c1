#include "saturation_text.h"

#include <fmt/core.h>

#include <mutex>

#include "common/layer.h"
#include "pixels.h"

namespace qconv::command {
namespace {

const char* YesNo(bool yes) { return yes ? "yes" : "no"; }

}  // namespace

Saturation MakeSaturation(const cases::Case& instance, uint64_t seed, int threads) {
  const cases::Layer& layer = instance.layer;
  Saturation saturation = {.report = AnalyzeSaturation(layer.params, instance.quantization(),
                                                       instance.weights, instance.input_maximum),
                           .count = {},
                           .sample = SampleOf(layer, seed)};
  const SaturatingConv conv = instance.Saturating();
  std::mutex mutex;
  ForEachPixel(
      layer, saturation.sample, threads, [&](int64_t, int64_t batch, const Spatial& position) {
        const SaturationCount pixel = conv.CountPixel(layer.image, instance.input, batch, position);
        const std::lock_guard lock(mutex);
        saturation.count += pixel;
      });
  return saturation;
}

std::vector<std::string> SaturationText(const cases::Layer& layer, const Saturation& saturation) {
  const SaturationReport& report = saturation.report;
  const SaturationCount& count = saturation.count;
  std::string worst =
      fmt::format("{}: {} of {} channels can saturate", SaturatingPathName(report.path),
                  report.channels.size(), layer.params.out_channels);
  if (!report.channels.empty()) {
    worst += fmt::format(", {} pairs, by up to {}", report.pairs, report.worst_excess);
    if (report.row_sum_excess > 0) {
      worst += fmt::format(", sums of the input by up to {}", report.row_sum_excess);
    }
    worst += fmt::format(
        "; bytes by at most {} levels; cured by inputs <= 127: {}, by |weights| "
        "<= 64: {}",
        report.levels, YesNo(report.cured_by_reduced_range), YesNo(report.cured_by_small_weights));
  }
  std::string here = fmt::format("this input: {} of {} outputs saturate, {} differ",
                                 count.saturated, count.outputs, count.different);
  if (count.different > 0) here += fmt::format(", by up to {} levels", count.largest_difference);
  return {worst, here + SampleText(layer, saturation.sample)};
}

void SaturationTotals::Add(const Saturation& saturation) {
  ++cases_;
  could_ += !saturation.report.channels.empty();
  did_ += saturation.count.different > 0;
  count_ += saturation.count;
}

std::string SaturationTotals::Text() const {
  return fmt::format(
      "with vpmaddubsw: {} of {} cases can saturate, {} give other bytes; {} of {} outputs "
      "differ, by up to {} levels",
      could_, cases_, did_, count_.different, count_.outputs, count_.largest_difference);
}

}  // namespace qconv::command
