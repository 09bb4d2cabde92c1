// Spreading: the input of lane kernels, a quad of bytes for each lane (kernel_table.h draws it).
//
// Layer: kernels, compiled once per ISA. Each position is spread once and then read by every tap
// that falls on it. Read next: pixels_512.inl.h for the shuffling, lane_input.inl.h for
// the reader, ../pack/lanes.h for what is spread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// Interleaves four pixels per position; load(pixel) gives their channels.
template <class Simd, int nv, class Load>
inline __attribute__((always_inline)) void InterleaveTaps(const SpreadTask& task,
                                                          const Load& load) {
  using Pixels = typename Simd::Width::Pixels;
  for (int64_t row = 0; row < task.rows; ++row) {
    const uint8_t* p0 = task.taps[0] + row * task.row_steps[0];
    const uint8_t* p1 = task.taps[1] + row * task.row_steps[1];
    const uint8_t* p2 = task.taps[2] + row * task.row_steps[2];
    const uint8_t* p3 = task.taps[3] + row * task.row_steps[3];
    std::byte* out = task.output + row * task.output_row_step;
    for (int64_t i = 0; i < task.count; ++i, out += task.output_step) {
      typename Pixels::Native quads[nv];
      Pixels::template Interleave<nv>(load(p0), load(p1), load(p2), load(p3), quads);
      Unroll<nv>([&](auto v) { Simd::StoreSpread(out + v * Simd::kSpreadVectorBytes, quads[v]); });
      p0 += task.steps[0];
      p1 += task.steps[1];
      p2 += task.steps[2];
      p3 += task.steps[3];
    }
  }
}

template <class Simd, int nv>
void SpreadTaps(const SpreadTask& task) {
  using Pixels = typename Simd::Width::Pixels;
  InterleaveTaps<Simd, nv>(task, [](const uint8_t* p) { return Pixels::template Load<nv>(p); });
}

template <class Simd, int nv>
void SpreadShuffledTaps(const SpreadTask& task) {
  using Pixels = typename Simd::Width::Pixels;
  InterleaveTaps<Simd, nv>(task, [shuffles = task.shuffles](const uint8_t* p) {
    return Pixels::template Shuffle<nv>(p, shuffles);
  });
}

// quads(pixel, vector) gives those of one vector; vectors of all depth groups count on.
template <class Simd, int nv, class Quads>
inline __attribute__((always_inline)) void SpreadPixels(const SpreadTask& task,
                                                        const Quads& quads) {
  for (int64_t row = 0; row < task.rows; ++row) {
    for (int64_t i = 0; i < task.count; ++i) {
      const uint8_t* pixel = task.taps[0] + row * task.row_steps[0] + i * task.steps[0];
      std::byte* out = task.output + row * task.output_row_step + i * task.output_step;
      quads(pixel, [&](int64_t vector, auto bytes) {
        Simd::StoreSpread(out + vector * Simd::kSpreadVectorBytes, bytes);
      });
    }
  }
}

template <class Simd, int nv>
void SpreadChannels(const SpreadTask& task) {
  using Pixels = typename Simd::Width::Pixels;
  constexpr int kShuffles = Simd::Width::kLanes / 4;  // of a vector
  SpreadPixels<Simd, nv>(task, [&](const uint8_t* pixel, const auto& store) {
    LaneShuffles shuffles = task.shuffles;
    for (int64_t v = 0; v < task.depth_groups * nv; ++v) {
      store(v, Pixels::ShuffleQuads(Pixels::Gather(pixel, shuffles.offsets), shuffles.orders));
      shuffles.offsets += kShuffles;
      shuffles.orders += kShuffles * kShuffleBytes;
    }
  });
}

template <class Simd, int nv>
void SpreadNearChannels(const SpreadTask& task) {
  using Pixels = typename Simd::Width::Pixels;
  constexpr int kShuffles = Simd::Width::kLanes / 4;
  SpreadPixels<Simd, nv>(task, [&](const uint8_t* pixel, const auto& store) {
    const auto channels = Pixels::template LoadNear<nv>(pixel);
    const uint8_t* orders = task.shuffles.orders;
    for (int64_t v = 0; v < task.depth_groups * nv; ++v) {
      store(v, Pixels::ShuffleQuads(channels, orders));
      orders += kShuffles * kShuffleBytes;
    }
  });
}

}  // namespace
}  // namespace qconv::kernels
