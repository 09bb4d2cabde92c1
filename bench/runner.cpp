#include "runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "buffer.h"
#include "common/numbers.h"
#include "interleave.h"
#include "qconv/qconv.h"
#include "reference_sample.h"
#include "statistics.h"

namespace qconv::bench {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kSeed = 1;  // a layer has the same numbers whichever others are timed
constexpr std::chrono::seconds kCeilingAge{1};
// oneTBB's workers look for more work for up to a millisecond before they sleep.
constexpr std::chrono::milliseconds kWorkersFallAsleep{2};

cases::Case MakeNumbers(const cases::Layer& layer, const Options& options) {
  cases::Case numbers = cases::MakeCase(layer, options.weights, kSeed, options.input_maximum);
  numbers.input_quantization.zero_point = options.input_zero_point;
  numbers.transforms = options.transforms;
  cases::ChooseOutput(numbers);
  return numbers;
}

std::string DescribeImplementation(const Conv& conv, const Image& image) {
  const ConvDescription d = conv.Describe();
  const std::string transform =
      d.transform_tile.empty()
          ? ""
          : fmt::format(" ({} images: {} {})", conv.RunsTransformed(image) ? "these" : "other",
                        d.transform, d.transform_tile);
  const std::string pixels = d.most_neighbours == 1
                                 ? ""
                                 : fmt::format(", {} of up to {} pixels at once",
                                               conv.NeighboursAtOnce(image), d.most_neighbours);
  return fmt::format("{}, {}, tile {}{}{}, {} epilogue, {:.1f} KiB packed", d.isa, d.feed, d.tile,
                     transform, pixels, d.epilogue, static_cast<double>(d.packed_bytes) / 1024);
}

// Share of the bytes that differ.
double Difference(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  if (a.size() != b.size()) return 1;
  size_t different = 0;
  for (size_t i = 0; i < a.size(); ++i) different += a[i] != b[i];
  return static_cast<double>(different) / static_cast<double>(std::max<size_t>(a.size(), 1));
}

// The median over rounds of the ratio within a round. The turns of a round are neighbours in time,
// so a slow spell hits both sides of one ratio, while it can hit the two medians unevenly: with
// turns of a millisecond this is the steadier of the two on a shared machine.
double MedianRatio(const std::vector<double>& peer, const std::vector<double>& ours) {
  std::vector<double> ratios(ours.size());
  std::transform(peer.begin(), peer.end(), ours.begin(), ratios.begin(), std::divides<>());
  return Median(std::move(ratios));
}

}  // namespace

Ceiling::Ceiling(std::string isa, int threads) : isa_(std::move(isa)), threads_(threads) {
  Measure();
  first_ = lowest_ = highest_ = last_;
}

double Ceiling::Now() {
  if (steady_clock::now() - measured_at_ > kCeilingAge) Measure();
  return last_;
}

void Ceiling::Measure() {
  last_ = MeasureCeiling(isa_) * threads_;
  lowest_ = std::min(lowest_, last_);
  highest_ = std::max(highest_, last_);
  measured_at_ = steady_clock::now();
}

Runner::Runner(const Options& options)
    : options_(options),
      isa_(ResolveIsa(options.isa)),
      peer_(options.peer.empty() ? nullptr
                                 : MakePeer(options.peer, {.isa = isa_,
                                                           .any_isa = options.peer_any_isa,
                                                           .threads = options.threads})),
      threads_(options.threads == 1 ? nullptr : Executor::Threads(options.threads)),
      ceiling_(isa_, options.threads) {}

LayerResult Runner::Measure(const cases::Layer& layer) {
  const cases::Case numbers = MakeNumbers(layer, options_);
  const Conv conv = numbers.Prepack(isa_);
  Buffer input(numbers.input);
  Buffer output(static_cast<size_t>(conv.OutputBytes(layer.image)));
  LayerResult result;
  result.layer = layer;
  result.implementation = DescribeImplementation(conv, layer.image);

  std::vector<Contender> contenders;
  contenders.push_back(
      {.run = [&] { conv.Run(layer.image, input.bytes(), output.bytes(), executor()); },
       .rest =
           [&] {
             if (threads_) std::this_thread::sleep_for(kWorkersFallAsleep);
           }});
  std::unique_ptr<PeerLayer> peer_layer;
  if (peer_) {
    try {
      peer_layer = peer_->Prepare(numbers, input.bytes());
      contenders.push_back({.run = [&] { peer_layer->Run(); }, .rest = [&] { peer_->Rest(); }});
    } catch (const std::runtime_error& error) {
      result.peer_error = error.what();
    }
  }

  const double ceiling_before = ceiling_.Now();
  const std::vector<std::vector<double>> seconds = TimeInterleaved(contenders, options_.min_time);
  // Whatever disturbs a measurement of the ceiling makes it lower, never higher.
  result.ceiling = std::max(ceiling_before, ceiling_.Now());
  result.ms = 1e3 * Median(seconds[0]);
  result.wrong = ReferenceSample(numbers).Wrong(output.bytes());
  if (peer_layer) {
    result.peer = {.ms = 1e3 * Median(seconds[1]),
                   .ratio = MedianRatio(seconds[1], seconds[0]),
                   .wrong = Difference(peer_layer->output(), output.bytes()),
                   .implementation = peer_layer->Implementation()};
  }
  return result;
}

}  // namespace qconv::bench
