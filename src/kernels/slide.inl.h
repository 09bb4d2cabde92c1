// Sliding kernels: depthwise layers of small kernels, straight from the input.
//
// Layer: kernels, compiled once per ISA. kernel_table.h draws what they do. Each input byte is
// loaded and interleaved once for an output row or two, and the columns stay in registers; the
// pixels of a step take one vector of channels after the other, so that few accumulators are alive.
// Read next: pixels_512.inl.h for the interleaving, ../pack/slide.h for who fills a SlideTask.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// Pixels of a step. They share loads of weights, of bias and multipliers, and each pixel of each
// row is a sum of its own in flight: as many as leave room in registers for their columns and for
// the sums of two rows. (3x3, 56x56, 128 channels: 98 GMAC/s, one pixel 85.)
template <class Simd, int nv, int form>
constexpr int SlidePixels() {
  constexpr SlideForm kForm = kSlideForms[form];
  int pixels = 4;
  for (; pixels > 1; pixels /= 2) {
    const int columns = (pixels - 1) * kForm.stride + kForm.taps;
    if (columns * kForm.quads * nv + 2 * pixels <= Simd::kSlideRegisters) break;
  }
  return pixels;
}

// The columns of a task from left to right.
template <class Simd, int nv, int quads>
class SlideInput {
  using Pixels = typename Simd::Width::Pixels;

 public:
  using Column = typename Pixels::Native[quads][nv];

  explicit SlideInput(const SlideTask& task) : next_(task.runs), channel_(task.channel) {}

  inline __attribute__((always_inline)) void Next(Column& column) {
    if (left_ == 0) {
      run_ = next_++;
      left_ = run_->count;
      Unroll<kRows>([&](auto r) { rows_[r] = run_->rows[r] + channel_; });
    }
    --left_;
    Unroll<quads>([&](auto q) {
      const uint8_t** rows = rows_ + q * kDepthGroup;
      auto p0 = Pixels::template Load<nv>(rows[0]), p1 = Pixels::template Load<nv>(rows[1]);
      auto p2 = Pixels::template Load<nv>(rows[2]), p3 = Pixels::template Load<nv>(rows[3]);
      if constexpr (nv == 4) asm("" : "+v"(p0), "+v"(p1), "+v"(p2), "+v"(p3));
      Pixels::template Interleave<nv>(p0, p1, p2, p3, column[q]);
    });
    Unroll<kRows>([&](auto r) { rows_[r] += run_->steps[r]; });
  }

 private:
  static constexpr int kRows = quads * kDepthGroup;
  const SlideRun *run_ = nullptr, *next_;
  int64_t channel_, left_ = 0;
  const uint8_t* rows_[kRows] = {};
};

// `pixels` neighbours in each of `rows` output rows, in the order of memory.
template <class Simd, template <class, int> class Epilogue, int nv, int form, int rows, int pixels,
          class Columns>
inline __attribute__((always_inline)) void SlideStep(const SlideTask& task, const Columns& columns,
                                                     uint8_t* const (&outputs)[rows]) {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  using Register = typename Width::Register;
  using Output = OutputTask<Simd, Epilogue, nv>;
  constexpr SlideForm kForm = kSlideForms[form];
  constexpr int m = rows * pixels;
  constexpr int kVectors = m * nv;
  const Output output(task.epilogue, task.columns);
  Native results[kVectors];
  Native halves[(kVectors + 3) / 4 * 2];
  Unroll<nv>([&](auto v) {
    const auto offset = reinterpret_cast<Register>(static_cast<Native>(
        Simd::Int32::load_unaligned(task.epilogue.offsets + v * Width::kLanes)));
    Register acc[m];
    Unroll<m>([&](auto r) { acc[r] = offset; });
    Unroll<kForm.quads>([&](auto q) {
      Unroll<kForm.taps>([&](auto t) {
        Unroll<rows>([&](auto o) {
          constexpr int kAt = ((o.kValue * kForm.quads + q.kValue) * kForm.taps + t.kValue) * nv;
          auto weights =
              Simd::LoadWeights(task.weights + (kAt + v.kValue) * Simd::kWeightVectorBytes);
          if constexpr (sizeof(weights) == sizeof(Native)) asm("" : "+v"(weights));
          Unroll<pixels>([&](auto i) {
            const auto x = Simd::FromQuads(columns[i * kForm.stride + t][q][v]);
            acc[o * pixels + i] = Simd::Dot(acc[o * pixels + i], x, weights);
          });
        });
      });
    });
    // Halves as soon as there are both vectors: a register instead of two.
    Unroll<m>([&](auto r) {
      constexpr int kAt = r.kValue * nv + v.kValue;
      results[kAt] = output.Requantize(acc[r], v, /*row=*/0);
      if constexpr (kAt % 2 == 1) halves[kAt / 2] = output.Halve(results[kAt - 1], results[kAt]);
    });
  });
  if constexpr (kVectors % 2 == 1) halves[kVectors / 2] = output.Halve(results[0], results[0]);
  if constexpr ((kVectors + 1) / 2 % 2 == 1) halves[(kVectors + 1) / 2] = halves[0];
  constexpr int kQuadRows = Output::kQuadRows;
  Unroll<(m + kQuadRows - 1) / kQuadRows>([&](auto q) {
    constexpr int kFirst = q.kValue * kQuadRows;
    constexpr int kValid = m - kFirst < kQuadRows ? m - kFirst : kQuadRows;
    uint8_t* quad[kValid];
    Unroll<kValid>([&](auto i) {
      quad[i] = outputs[(kFirst + i) / pixels] + (kFirst + i) % pixels * task.output_step;
    });
    output.template Store<kValid>(halves[2 * q], halves[2 * q + 1], quad);
  });
}

template <class Simd, template <class, int> class Epilogue, int nv, int form, int rows>
__attribute__((flatten)) void SlideRows(const SlideTask& task) {
  constexpr SlideForm kForm = kSlideForms[form];
  constexpr int kPixels = SlidePixels<Simd, nv, form>();
  constexpr int kKept = kForm.taps - kForm.stride;  // columns that the next pixel needs too
  using Input = SlideInput<Simd, nv, kForm.quads>;
  Input input(task);
  typename Input::Column columns[kKept + kPixels * kForm.stride];
  uint8_t* outputs[rows];
  Unroll<rows>([&](auto r) { outputs[r] = task.outputs[r]; });
  Unroll<kKept>([&](auto i) { input.Next(columns[i]); });
  const auto step = [&](auto pixels) {
    constexpr int kNew = pixels.kValue * kForm.stride;
    Unroll<kNew>([&](auto i) { input.Next(columns[kKept + i]); });
    SlideStep<Simd, Epilogue, nv, form, rows, pixels.kValue>(task, columns, outputs);
    Unroll<kKept>([&](auto i) {
      Unroll<kForm.quads>(
          [&](auto q) { Unroll<nv>([&](auto v) { columns[i][q][v] = columns[kNew + i][q][v]; }); });
    });
    Unroll<rows>([&](auto r) { outputs[r] += pixels * task.output_step; });
  };
  int64_t count = task.count;
  for (; count >= kPixels; count -= kPixels) step(Index<kPixels>{});
  if constexpr (kPixels > 2) {
    if (count & 2) step(Index<2>{});
  }
  if constexpr (kPixels > 1) {
    if (count & 1) step(Index<1>{});
  }
}

template <class Simd, template <class, int> class Epilogue, int nv, int form>
void Slide(const SlideTask& task) {
  static_assert(kMaxSlideOutputs == 2);
  if (task.output_rows == 2) {
    SlideRows<Simd, Epilogue, nv, form, 2>(task);
  } else {
    SlideRows<Simd, Epilogue, nv, form, 1>(task);
  }
}

}  // namespace
}  // namespace qconv::kernels
