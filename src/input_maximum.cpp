#include "input_maximum.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "pack/integers.h"
#include "plan.h"

namespace qconv {
namespace {

using pack::Dims;
using pack::PackedLayer;

// Of a task at least: to start it takes about as long as to read these.
constexpr int64_t kTaskBytes = 64 << 10;
constexpr int64_t kLine = 64;  // bytes of a cache line

// What all tasks of one check share.
struct Scan {
  kernels::LargestByteKernel largest_byte;
  std::span<const uint8_t> input;
  int64_t task_bytes;
  uint8_t maximum;
  mutable std::atomic<bool> exceeded = false;
};

void ScanTask(const Scan& scan, int64_t task) {
  const auto size = static_cast<int64_t>(scan.input.size());
  const int64_t begin = task * scan.task_bytes, end = std::min(begin + scan.task_bytes, size);
  if (scan.largest_byte(scan.input.data() + begin, end - begin) > scan.maximum) {
    scan.exceeded.store(true, std::memory_order_relaxed);
  }
}

bool Exceeds(const PackedLayer& layer, std::span<const uint8_t> input, const Executor& executor) {
  const auto size = static_cast<int64_t>(input.size());
  const int threads = std::max(executor.Concurrency(), 1);
  const int64_t share = pack::RoundUp(pack::CeilDiv(size, TasksFor(threads)), kLine);
  const Scan scan{.largest_byte = layer.kernels->largest_byte,
                  .input = input,
                  .task_bytes = std::max(share, kTaskBytes),
                  .maximum = layer.input_maximum};
  const int64_t tasks = pack::CeilDiv(size, scan.task_bytes);
  if (tasks <= 1) {
    ScanTask(scan, 0);
  } else {
    executor.ParallelFor(
        tasks,
        [](const void* context, int64_t task) {
          ScanTask(*static_cast<const Scan*>(context), task);
        },
        &scan);
  }
  return scan.exceeded.load(std::memory_order_relaxed);
}

// "batch 1, position [3][5], channel 17" for a byte of the input.
std::string Place(const pack::Geometry& geometry, const Dims& size, int64_t byte) {
  const int64_t channel = byte % geometry.in_channels;
  int64_t pixel = byte / geometry.in_channels;
  std::string position;
  for (int i = 2; i >= 3 - geometry.rank; --i) {
    const int64_t extent = size[static_cast<size_t>(i)];
    position.insert(0, "[" + std::to_string(pixel % extent) + "]");
    pixel /= extent;
  }
  return "batch " + std::to_string(pixel) + ", position " + position + ", channel " +
         std::to_string(channel);
}

}  // namespace

void CheckInputMaximum(const PackedLayer& layer, const Dims& size, std::span<const uint8_t> input,
                       const Executor& executor) {
  if (layer.input_maximum == 255 || !Exceeds(layer, input, executor)) return;
  const auto first =
      std::find_if(input.begin(), input.end(), [&](uint8_t a) { return a > layer.input_maximum; });
  throw std::invalid_argument(
      "qconv: input at " + Place(layer.geometry, size, first - input.begin()) + " is " +
      std::to_string(*first) +
      "; want at most PrepackOptions.input_maximum = " + std::to_string(layer.input_maximum));
}

}  // namespace qconv
