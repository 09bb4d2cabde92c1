// Longer than 250 lines: one class whose steps share the registers of the task at hand.
// Sliding kernels: depthwise layers of small kernels, straight from the input.
//
// Layer: kernels, compiled once per ISA. kernel_table.h draws what they do. Each column is loaded
// and interleaved once for all pixels of an output row or two. A step computes a few neighbouring
// pixels, one vector of channels after the other, so that few accumulators are alive; their columns
// are in registers, where those are enough (3x3), else in memory (5x5). Read next: pixels_512.inl.h
// for the interleaving, ../pack/slide.h for who fills a SlideTask.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kMostSlidePixels = TileRows(8) / 2;  // of a step: 4

// A trait says how many vectors the widest panel of each form has (kSlideVectors; 0: not this way)
// and how many registers a step may take for columns and sums (kSlideRegisters).
//
// Pixels of a step share loads of weights, of bias and multipliers, and each pixel of each row is a
// sum of its own in flight: as many as leave room in registers for their columns and for the sums
// of two rows; 0 if there is room for none. (3x3, 56x56, 128 channels: two 98 GMAC/s, one 85.)
template <class Simd, int nv, int form>
constexpr int SlidePixelsInRegisters() {
  constexpr SlideForm kForm = kSlideForms[form];
  int pixels = kMostSlidePixels;
  for (; pixels > 0; pixels /= 2) {
    const int columns = (pixels - 1) * kForm.stride + kForm.taps;
    if (columns * kForm.quads * nv + 2 * pixels <= Simd::kSlideRegisters[form]) break;
  }
  return pixels;
}

// [quad][vector]
template <class Simd, int nv, int form>
using SlideColumn = typename Simd::Width::Pixels::Native[kSlideForms[form].quads][nv];

// The columns of a task from left to right.
template <class Simd, int nv, int form, int rows>
class SlideInput {
 public:
  explicit SlideInput(const SlideTask& task) : next_(task.runs), channel_(task.channel) {}

  // How many columns of the run at hand Advance() may be asked for: at least one, if there are any.
  int64_t Left() {
    if (left_ == 0) NextRun();
    return left_;
  }

  // The next column, of whichever run.
  inline __attribute__((always_inline)) void Next(SlideColumn<Simd, nv, form>& column) {
    Left();
    Advance(1);
    NextInRun(column);
  }
  // The next `count`.
  inline __attribute__((always_inline)) void Next(SlideColumn<Simd, nv, form>* column,
                                                  int64_t count) {
    while (count > 0) {
      const int64_t there = Left();
      int64_t now = count < there ? count : there;
      count -= now;
      for (Advance(now); now > 0; --now) NextInRun(*column++);
    }
  }

  // The same in two: Advance() says how many columns of this run follow, NextInRun() gets one.
  // Between them nothing is loaded but pixels: among loads of vectors Zen 5 takes a cycle for that
  // of a number. (3x3, stride 2, 64 channels: 39 -> 29 cycles for two pixels.)
  void Advance(int64_t columns) {
    left_ -= columns;
    Unroll<kRows>([&](auto r) { steps_[r] = run_->steps[r]; });
  }
  inline __attribute__((always_inline)) void NextInRun(SlideColumn<Simd, nv, form>& column) {
    Unroll<kQuads>([&](auto q) {
      constexpr int kFirst = q.kValue * kDepthGroup;
      constexpr int kThere = kRows - kFirst < kDepthGroup ? kRows - kFirst : kDepthGroup;
      Pixel pixels[kDepthGroup];
      Unroll<kThere>([&](auto i) {
        pixels[i] = Pixels::template Load<nv>(rows_[kFirst + i]);
        if constexpr (nv == 4) HideInVector(pixels[i]);
      });
      // Rows without weights: one that is there, loads are scarce.
      if constexpr (kSlideForms[form].pairs && q.kValue + 1 == kQuads) {
        const Pixel other = pixels[kThere - 1];
        Pixels::template Interleave<nv>(before_[0], before_[1], pixels[0], other, column[q]);
        before_[0] = pixels[0];
        before_[1] = other;
      } else {
        Unroll<kDepthGroup - kThere>([&](auto i) {
          constexpr int kOdd = (kThere + i.kValue) % 2;
          pixels[kThere + i] = pixels[kOdd < kThere ? kOdd : 0];
        });
        Pixels::template Interleave<nv>(pixels[0], pixels[1], pixels[2], pixels[3], column[q]);
      }
    });
    Unroll<kRows>([&](auto r) {
      const uint8_t* next = rows_[r] + steps_[r];
      HideInRegister(next);  // or GCC keeps a pointer for each column of a step
      rows_[r] = next;
    });
  }

 private:
  using Pixels = typename Simd::Width::Pixels;
  using Pixel = decltype(Pixels::template Load<nv>(nullptr));
  static constexpr int kQuads = kSlideForms[form].quads;
  static constexpr int kRows = kSlideForms[form].inputs[rows - 1];
  static_assert((kQuads - 1) * kDepthGroup < kRows && kRows <= kQuads * kDepthGroup &&
                kRows <= kMaxSlideInputs);
  static_assert(!kSlideForms[form].pairs ||
                (kRows - (kQuads - 1) * kDepthGroup <= 2 && kSlideForms[form].taps % 2 == 1));

  void NextRun() {
    run_ = next_++;
    left_ = run_->count;
    Unroll<kRows>([&](auto r) { rows_[r] = run_->rows[r] + channel_; });
  }

  const SlideRun *run_ = nullptr, *next_;
  int64_t channel_, left_ = 0;
  const uint8_t* rows_[kRows] = {};
  int64_t steps_[kRows] = {};
  Pixel before_[2] = {};  // of the column before: rows of the last quad
};

// What steps need of a task. Bytes that a step stores could be anything, even those of the task: a
// copy made before the first step saves loads.
template <class Simd, int nv>
struct SlidePanel {
  explicit SlidePanel(const SlideTask& task)
      : output(*task.epilogue, task.columns),
        weights(task.weights),
        offsets(task.epilogue->offsets),
        output_step(task.output_step) {}

  OutputTask<Simd, nv> output;
  const std::byte* weights;
  const int32_t* offsets;
  int64_t output_step;
};

// `pixels` neighbours in each of `rows` output rows, in the order of memory; columns[0] is the
// first that they need.
template <class Simd, bool in_registers, int nv, int form, int rows, int pixels>
inline __attribute__((always_inline)) void SlideStep(const SlidePanel<Simd, nv>& panel,
                                                     const SlideColumn<Simd, nv, form>* columns,
                                                     uint8_t* const (&outputs)[rows]) {
  using Width = typename Simd::Width;
  using Native = typename Width::Native;
  using Register = typename Width::Register;
  constexpr SlideForm kForm = kSlideForms[form];
  constexpr int kColumns = (pixels - 1) * kForm.stride + kForm.taps;
  constexpr int m = rows * pixels;
  constexpr int kVectors = m * nv;
  constexpr bool kColumnsInRegisters = SlidePixelsInRegisters<Simd, nv, form>() > 0;
  Register results[kVectors];
  Native halves[(kVectors + 3) / 4 * 2];
  Unroll<nv>([&](auto v) __attribute__((always_inline)) {
    Register offset = Width::LoadInts(panel.offsets + v * Width::kLanes);
    if constexpr (nv == 4 && kColumnsInRegisters) HideInVector(offset);  // loaded once
    Register acc[m][1];
    Unroll<m>([&](auto r) { acc[r][0] = offset; });
    Unroll<kForm.quads>([&](auto q) {
      constexpr int kTapStep = kForm.pairs && q.kValue + 1 == kForm.quads ? 2 : 1;
      Native quads[kColumns];
      Unroll<kColumns>([&](auto i) {
        quads[i] = columns[i][q][v];
        if constexpr (kColumnsInRegisters) return;
        // Loaded once. Hidden where it lies it is written to memory, too, next to its neighbours:
        // widened from there it takes less time. (5x5 on AVX2: 15 %; on AVX-512 VNNI it would take
        // 5 % more.)
        if constexpr (kWidens<Simd>) {
          HideInVector(quads[i]);
        } else {
          auto column = quads[i];
          HideInVector(column);
          quads[i] = column;
        }
      });
      Unroll<(kForm.taps + kTapStep - 1) / kTapStep>([&](auto t) {
        Unroll<rows>([&](auto o) {
          constexpr int kAt =
              (o.kValue * kForm.WeightQuads() + q.kValue * kForm.taps + t.kValue) * nv;
          auto weights =
              Simd::LoadWeights(panel.weights + (kAt + v.kValue) * Simd::kWeightVectorBytes);
          if constexpr (!kWidens<Simd>) HideInVector(weights);
          Unroll<pixels>([&](auto i) {
            const auto x = Simd::FromQuads(quads[i * kForm.stride + t * kTapStep]);
            Register& sum = acc[o * pixels + i][0];
            // Of a quad that has weights in its first row only, the odd rows are left out.
            constexpr bool kOdd = o.kValue > 0 || kForm.inputs[0] - q.kValue * kDepthGroup > 1;
            sum = DotInOrder<Simd, kOdd>(sum, x, weights);
          });
        });
      });
    });
    if constexpr (in_registers) {
      panel.output.RequantizeInRegisters(acc, v);
    } else {
      panel.output.RequantizeInMemory(acc, v, /*first_row=*/0);
    }
    // Halves as soon as there are both vectors: a register instead of two.
    Unroll<m>([&](auto r) {
      constexpr int kAt = r.kValue * nv + v.kValue;
      results[kAt] = acc[r][0];
      if constexpr (kAt % 2 == 1) {
        halves[kAt / 2] = panel.output.Halve(results[kAt - 1], results[kAt]);
      }
    });
  });
  if constexpr (kVectors % 2 == 1) {
    halves[kVectors / 2] = panel.output.Halve(results[0], results[0]);
  }
  if constexpr ((kVectors + 1) / 2 % 2 == 1) halves[(kVectors + 1) / 2] = halves[0];
  constexpr int kRows = OutputTask<Simd, nv>::kRows;
  Unroll<(m + kRows - 1) / kRows>([&](auto q) {
    constexpr int kFirst = q.kValue * kRows;
    constexpr int kValid = m - kFirst < kRows ? m - kFirst : kRows;
    uint8_t* quad[kValid];
    Unroll<kValid>([&](auto i) {
      quad[i] = outputs[(kFirst + i) / pixels] + (kFirst + i) % pixels * panel.output_step;
    });
    panel.output.template Store<kValid>(halves[2 * q], halves[2 * q + 1], quad);
  });
}

// Moves `count` columns.
template <class Simd, int nv, int form, int count>
inline __attribute__((always_inline)) void MoveColumns(const SlideColumn<Simd, nv, form>* from,
                                                       SlideColumn<Simd, nv, form>* to) {
  Unroll<count>([&](auto i) {
    Unroll<kSlideForms[form].quads>(
        [&](auto q) { Unroll<nv>([&](auto v) { to[i][q][v] = from[i][q][v]; }); });
  });
}

// Columns that the next pixel needs too.
template <int form>
constexpr int kKeptColumns = kSlideForms[form].taps - kSlideForms[form].stride;

// Calls step(Index<pixels>): `most` or, if fewer are left, as many of them as there are steps for.
template <int most, class Step>
inline __attribute__((always_inline)) void LargestStep(int64_t left, const Step& step) {
  static_assert(most == 4 || most == 2 || most == 1);
  if (left >= most) return step(Index<most>{});
  if constexpr (most > 2) {
    if (left >= 2) return step(Index<2>{});
  }
  if constexpr (most > 1) step(Index<1>{});
}

// The columns of a step are an array indexed by constants.
template <class Simd, bool in_registers, int nv, int form, int rows>
inline __attribute__((always_inline)) void SlideInRegisters(const SlideTask& task) {
  constexpr int kPixels = SlidePixelsInRegisters<Simd, nv, form>();
  constexpr int kStride = kSlideForms[form].stride, kKept = kKeptColumns<form>;
  SlideInput<Simd, nv, form, rows> input(task);
  SlidePanel<Simd, nv> panel(task);
  SlideColumn<Simd, nv, form> columns[kKept + kPixels * kStride];
  uint8_t* outputs[rows];
  Unroll<rows>([&](auto r) { outputs[r] = task.outputs[r]; });
  Unroll<kKept>([&](auto i) { input.Next(columns[i]); });
  int64_t left = task.count;
  const auto compute = [&](auto pixels) __attribute__((always_inline)) {
    panel.output.LookUpHere();
    SlideStep<Simd, in_registers, nv, form, rows, pixels.kValue>(panel, columns, outputs);
    MoveColumns<Simd, nv, form, kKept>(columns + pixels * kStride, columns);
    Unroll<rows>([&](auto r) { outputs[r] += pixels * panel.output_step; });
  };
  // Steps within a run, and those at its ends.
  while (left > 0) {
    constexpr int kNew = kPixels * kStride;
    const int64_t wanted = left / kPixels, there = input.Left() / kNew;
    int64_t steps = wanted < there ? wanted : there;
    if (steps > 0) {
      left -= steps * kPixels;
      for (input.Advance(steps * kNew); steps > 0; --steps) {
        Unroll<kNew>([&](auto i) { input.NextInRun(columns[kKept + i]); });
        compute(Index<kPixels>{});
      }
    } else {
      LargestStep<kPixels>(left, [&](auto pixels) __attribute__((always_inline)) {
        Unroll<pixels * kStride>([&](auto i) { input.Next(columns[kKept + i]); });
        compute(pixels);
        left -= pixels;
      });
    }
  }
}

// The columns of some steps lie one behind the other.
template <class Simd, bool in_registers, int nv, int form, int rows>
inline __attribute__((always_inline)) void SlideInMemory(const SlideTask& task) {
  constexpr int kPixels = kMostSlidePixels;
  constexpr int kStride = kSlideForms[form].stride, kKept = kKeptColumns<form>;
  // Of 16 pixels, or as many as tasks have room for on the stack (kCalleeBytes in ../stack.h).
  constexpr int kMostColumns = 28, kFit = (kMostColumns - kKept) / (kPixels * kStride);
  constexpr int kSteps = kFit < 4 ? kFit : 4;
  SlideInput<Simd, nv, form, rows> input(task);
  SlidePanel<Simd, nv> panel(task);
  SlideColumn<Simd, nv, form> columns[kKept + kSteps * kPixels * kStride];
  uint8_t* outputs[rows];
  Unroll<rows>([&](auto r) { outputs[r] = task.outputs[r]; });
  input.Next(columns, kKept);
  int64_t left = task.count;
  while (left > 0) {
    int64_t now = left < kSteps * kPixels ? left : kSteps * kPixels;
    left -= now;
    input.Next(columns + kKept, now * kStride);
    const auto* column = columns;
    // Or GCC loads what is at a known place ahead, and keeps it in memory.
    if constexpr (!kWidens<Simd>) HideInRegister(column);
    while (now > 0) {
      LargestStep<kPixels>(now, [&](auto pixels) __attribute__((always_inline)) {
        panel.output.LookUpHere();
        SlideStep<Simd, in_registers, nv, form, rows, pixels.kValue>(panel, column, outputs);
        column += pixels * kStride;
        Unroll<rows>([&](auto r) { outputs[r] += pixels * panel.output_step; });
        now -= pixels;
      });
    }
    MoveColumns<Simd, nv, form, kKept>(column, columns);
  }
}

template <class Simd, bool in_registers, int nv, int form, int rows>
__attribute__((flatten)) void SlideRows(const SlideTask& task) {
  if constexpr (SlidePixelsInRegisters<Simd, nv, form>() > 0) {
    SlideInRegisters<Simd, in_registers, nv, form, rows>(task);
  } else {
    SlideInMemory<Simd, in_registers, nv, form, rows>(task);
  }
}

template <class Simd, int nv, int form>
void Slide(const SlideTask& task) {
  static_assert(kMaxSlideOutputs == 2);
  // Chosen here: a call on the way of each step would take the columns out of their registers.
  // (AVX-VNNI: a tenth of the speed.)
  const auto slide = task.epilogue->in_registers
                         ? (task.output_rows == 2 ? SlideRows<Simd, true, nv, form, 2>
                                                  : SlideRows<Simd, true, nv, form, 1>)
                         : (task.output_rows == 2 ? SlideRows<Simd, false, nv, form, 2>
                                                  : SlideRows<Simd, false, nv, form, 1>);
  slide(task);
}

}  // namespace
}  // namespace qconv::kernels
