// The requantization of an output channel in a single instruction, proven to give the same bytes.
//
// Layer: pack. Step by step ("Numerics" in README.md), an accumulator becomes a byte by
//
//   clamp(RNE(fl((fl(acc + bias)) * multiplier)) + zero point)                 fl: rounded to float
//
// which takes a conversion, an addition, a multiplication, another conversion and the zero point.
// It is a staircase of at most 255 steps, and any other expression with the same staircase gives
// the same bytes. This one takes one instruction:
//
//   base + acc        added up as integers; the bits of the float x = 2^23 + shift + acc
//   x * slope + C     rounded once, to an integer, since the result is about 1.5 * 2^23;
//                     its low 16 bits are those of the output, before the clamp
//
// where base is the bits of 2^23, plus shift, and
//
//   slope = A / 2^e,  C = 1.5 * 2^23 + n   ->   output = RNE((acc * A + D) / 2^e),
//                                               D = (2^23 + shift) * A + n * 2^e
//
// Every step of the staircase wants D in an interval of length A, for each slope; the slopes to
// choose from are the multiplier and its two neighbours. If the intervals have a point in common
// and there is a shift that leads to it, the bytes are the same for all accumulators. Else a step
// or two are left out: they come an accumulator or so early or late, and these accumulators are the
// channel's exceptions.
//
// All arithmetic here is in integers, but for the staircase itself. Read next: panel_epilogue.h,
// who asks; ../kernels/epilogue.inl.h, who does the step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace qconv::pack {

// What an output channel does to its accumulators, step by step.
struct Requantization {
  float bias;  // in units of the accumulator
  float multiplier;
  int32_t zero_point;
  int32_t lower, upper;  // clamp, within 0..255
};

// Accumulators that inputs can lead to: 0 is one of them, as all may be padding.
struct AccumulatorRange {
  int64_t least, most;
};

struct FusedRequantization {
  int32_t base;
  float slope, intercept;
  std::vector<int32_t> exceptions;  // accumulators, plus base; kernels::kMaxExceptions at most
};

// Nothing if there is no such step: multipliers below 2^-15 or above some 3.5, results beyond s16,
// or too many exceptions. These come with many accumulators to a step, since the formula's
// roundings move each of its steps by some 2^-24 of the accumulator; and with multipliers like
// 0.001 and biases that are integers, whose sums meet ties again and again. Needs a range of at
// most 2^23 accumulators.
std::optional<FusedRequantization> Fuse(const Requantization& channel, AccumulatorRange range);

// A base for the steps one by one in floats, if they can be done so (kernels::PanelEpilogue).
std::optional<int32_t> BaseInFloats(const Requantization& channel, AccumulatorRange range);

}  // namespace qconv::pack
