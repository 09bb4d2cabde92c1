// MakeKernelTable: instantiates every kernel for one ISA.
//
// Layer: kernels, compiled once per ISA. The last thing that an isa_*.cpp includes.
#pragma once

#include <cstdint>

#include "kernels/chain_input.inl.h"
#include "kernels/gemm_tile.inl.h"
#include "kernels/group.inl.h"
#include "kernels/hide.inl.h"
#include "kernels/join_rows.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/lane_input.inl.h"
#include "kernels/largest_byte.inl.h"
#include "kernels/pixel_input.inl.h"
#include "kernels/row_sums.inl.h"
#include "kernels/shared_lanes.inl.h"
#include "kernels/slide.inl.h"
#include "kernels/spread.inl.h"
#include "kernels/strassen.inl.h"
#include "kernels/winograd.inl.h"

namespace qconv::kernels {
namespace {

// Enough independent accumulators to hide the latency of a dot product, few enough for 16
// registers.
template <class Simd>
int64_t Spin(int64_t iterations) {
  constexpr int kAccumulators = 12;
  using Register = typename Simd::Width::Register;
  alignas(64) static constexpr uint8_t kBytes[128] = {1, 2, 3, 4};
  const typename Simd::Activations x = Simd::Broadcast(kBytes);
  const typename Simd::Weights b = Simd::LoadWeights(reinterpret_cast<const std::byte*>(kBytes));
  Register acc[kAccumulators];
  for (Register& a : acc) a = Register{};
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (Register& a : acc) {
      a = Simd::Dot(a, x, b);
      asm volatile("" : "+v"(a));  // keeps the compiler from folding the iterations
    }
  }
  return iterations * kAccumulators * Simd::Width::kLanes * kDepthGroup;
}

// The same of chains of the most links.
template <class Simd>
int64_t SpinChains(int64_t iterations) {
  constexpr int kAccumulators = 8;
  using Register = typename Simd::Width::Register;
  alignas(64) static constexpr uint8_t kBytes[64] = {1, 2, 3, 4};
  typename Simd::Quads x = Simd::BroadcastQuad(kBytes);
  const typename Simd::Quads w = Simd::LoadQuads(reinterpret_cast<const std::byte*>(kBytes));
  Register acc[kAccumulators];
  for (Register& a : acc) a = Register{};
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (Register& a : acc) {
      typename Simd::Quads sum = Simd::Pairs(x, w);
      Unroll<kMaxLinks - 1>([&](auto) {
        HideInVector(x);  // another one, for all that the compiler knows
        sum = Simd::AddPairs(sum, Simd::Pairs(x, w));
      });
      a = Simd::AddChain(a, sum);
      asm volatile("" : "+v"(a));
    }
  }
  return iterations * kAccumulators * kMaxLinks * Simd::Width::kLanes * kDepthGroup;
}

template <class Simd, int nv, int form>
constexpr SlideKernel MakeSlideKernel() {
  if constexpr (nv > Simd::kSlideVectors[form]) {
    return nullptr;
  } else {
    return Slide<Simd, nv, form>;
  }
}

template <class Simd, int nv, int stride>
constexpr GroupKernel MakeGroupKernel() {
  constexpr int kDepth = nv == kRotatedVectors ? Simd::kRotatedDepth : Simd::kGroupDepth;
  if constexpr (kDepth == 0) {
    return nullptr;
  } else {
    return Groups<Simd, nv, stride>;
  }
}

template <class Simd, int nv>
void RunLanes(const PanelTask& task) {
  if constexpr (Simd::kSharesLanes) {
    if (task.sharing > 1) return RunSharedLanes<Simd, nv>(task);
  }
  RunPanel<Simd, LaneInput, nv>(task);
}

template <class Simd, int nv>
constexpr LaneKernels MakeLaneKernels() {
  if constexpr (nv == 3) {
    return {};
  } else {
    return {.spread = {SpreadTaps<Simd, nv>, SpreadShuffledTaps<Simd, nv>, SpreadChannels<Simd, nv>,
                       SpreadNearChannels<Simd, nv>},
            .multiply = RunLanes<Simd, nv>,
            .slides = {MakeSlideKernel<Simd, nv, 0>(), MakeSlideKernel<Simd, nv, 1>(),
                       MakeSlideKernel<Simd, nv, 2>(), MakeSlideKernel<Simd, nv, 3>(),
                       MakeSlideKernel<Simd, nv, 4>(), MakeSlideKernel<Simd, nv, 5>()}};
  }
}

// Whether there is use for Strassen's algorithm (side > 1), or for input widened ahead. Where a dot
// product of quads is exact, it takes half as many instructions, and neither would gain.
template <class Simd, int side>
constexpr bool HasStrassen() {
  if constexpr (!kWidens<Simd>) {
    return false;
  } else {
    return side > 1 || Simd::kWidensAhead;
  }
}

template <class Simd, int side>
constexpr TransformInputKernel MakeStrassenInputKernel() {
  if constexpr (HasStrassen<Simd, side>()) {
    return TransformStrassenInputs<Simd, side>;
  } else {
    return nullptr;
  }
}

template <class Simd, int nv, int side>
constexpr TransformedKernel MakeStrassenKernel() {
  if constexpr (HasStrassen<Simd, side>()) {
    return RunStrassenPanel<Simd, nv, side>;
  } else {
    return nullptr;
  }
}

template <class Simd, int nv>
constexpr TransformedKernels MakeTransformedKernels() {
  if constexpr (nv > kTransformedVectors) {
    return {};
  } else {
    return {.rows = TileRows(Simd::kTransformedTileRows[nv - 1]),
            .multiply = {RunWinogradPanel<Simd, nv>, MakeStrassenKernel<Simd, nv, 1>(),
                         MakeStrassenKernel<Simd, nv, 2>(), MakeStrassenKernel<Simd, nv, 4>()}};
  }
}

template <class Simd, int nv>
constexpr PanelShape MakeShape() {
  return {.vectors = nv,
          .columns = nv * Simd::Width::kLanes,
          .rows = PixelInput<Simd, nv>::kTileRows,
          .even_rows = PixelInput<Simd, nv>::kEvenTileRows,
          .multiply = RunPanel<Simd, PixelInput, nv>,
          .lanes = MakeLaneKernels<Simd, nv>(),
          .transformed = MakeTransformedKernels<Simd, nv>()};
}

template <class Simd>
constexpr PanelShape MakeChainedShape() {
  return {.vectors = 1,
          .columns = Simd::Width::kLanes,
          .rows = ChainInput<Simd, 1>::kTileRows,
          .even_rows = ChainInput<Simd, 1>::kEvenTileRows,
          .multiply = RunPanel<Simd, ChainInput, 1>,
          .lanes = {},
          .transformed = {}};
}

template <class Simd>
constexpr KernelTable MakeKernelTable(const char* name, const char* dot_product) {
  constexpr int kShapes = sizeof(Simd::kTileRows) / sizeof(Simd::kTileRows[0]);
  static_assert(kShapes == 2 || kShapes == 4);
  KernelTable table = {
      .name = name,
      .dot_product = dot_product,
      .lanes = Simd::Width::kLanes,
      .fuses = Simd::Width::kFuses,
      .weight_format = Simd::kWeightFormat,
      .spread_vector_bytes = Simd::kSpreadVectorBytes,
      .shape_count = kShapes,
      .shapes = {},
      .groups = {{MakeGroupKernel<Simd, 1, 1>(), MakeGroupKernel<Simd, 1, 2>(),
                  MakeGroupKernel<Simd, 1, 3>()},
                 {MakeGroupKernel<Simd, 2, 1>(), MakeGroupKernel<Simd, 2, 2>()},
                 {},
                 {MakeGroupKernel<Simd, 4, 1>(), MakeGroupKernel<Simd, 4, 2>(),
                  MakeGroupKernel<Simd, 4, 3>()}},
      .rotated_depth = Simd::kRotatedDepth,
      .group_depth = Simd::kGroupDepth,
      .shares_lanes = Simd::kSharesLanes,
      .transforms = {TransformWinogradInput<Simd>, MakeStrassenInputKernel<Simd, 1>(),
                     MakeStrassenInputKernel<Simd, 2>(), MakeStrassenInputKernel<Simd, 4>()},
      .join_rows = JoinRows,
      .row_sums = SumRows,
      .largest_byte = LargestByte,
      .spin = Spin<Simd>};
  table.shapes[0] = MakeShape<Simd, 1>();
  table.shapes[1] = MakeShape<Simd, 2>();
  if constexpr (requires { Simd::kChainTileRows; }) {
    table.shapes[kChainedShape] = MakeChainedShape<Simd>();
    table.spin = SpinChains<Simd>;
  }
  if constexpr (kShapes > 2) {
    table.shapes[2] = MakeShape<Simd, 3>();
    table.shapes[3] = MakeShape<Simd, 4>();
  } else if constexpr (Simd::kRotatedDepth > 0) {
    PanelShape& shape = table.shapes[kRotatedVectors - 1];
    shape.vectors = kRotatedVectors;
    shape.columns = kRotatedVectors * Simd::Width::kLanes;
  }
  return table;
}

}  // namespace
}  // namespace qconv::kernels
