// PackedLayer: what Prepack leaves behind and Run reads.
//
// Layer: pack. Plain data, immutable once built (../layer.cpp builds it).
//
// Weights lie in panels. A panel holds the weights of `columns` output channels (one column each),
// nv vectors wide:
//
//   byte(tap, group, v, lane, i) = (((tap * groups + group) * nv + v) * lanes + lane) * 4 + i (s8)
//
//   tap 0:  | group 0: v0 [lane 0: w0 w1 w2 w3][lane 1: ...] ... | v1 ... |
//           | group 1: ...                                                |
//   tap 1:  ...
//
// where a depth group is four consecutive input bytes of the tap, zero-filled at the end, in some
// panels another one for each lane (InputGroup).
// WeightFormat (kernels/kernel_table.h) says how the four weights of a lane are written. Panels of
// kChainedShape keep theirs elsewhere, in the order of their chains; those of kTransformed layers
// have positions instead of taps and pairs instead of groups (winograd.h, strassen.h). Read next:
// weights.h, fold.h, feed.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/geometry.h"
#include "pack/strips.h"

namespace qconv::pack {

// How kernels read the input.
enum class Feed {
  kTaps,      // in place; channels are a multiple of four
  kRuns,      // in place; a kernel row is one tap: its pixels are neighbours, kw * channels bytes
  kStrips,    // gathered; a kernel plane is one tap: its rows, remainders joined (strips.h)
  kGathered,  // gathered, the channels of each pixel rounded up to a multiple of four
  kLanes,     // spread, each output channel its own input (lanes.h); four taps of a row may be one
  kTransformed,  // transformed, in tiles (transformed.h)
};

inline constexpr int kNoSlide = -1;

// A set of output channels that read the same input channels. Without groups the whole layer is
// one; narrow groups are merged, with zero weights between them, until they fill a vector.
struct ChannelGroup {
  int64_t in_begin, in_channels;
  int64_t out_begin, out_channels;
  int64_t tap_bytes;  // input bytes of a tap
  int64_t
      depth_groups;  // ceil(tap_bytes / 4); kTransformed: those of a position, of all kernel planes
};

struct Panel {
  int group;                        // index of its ChannelGroup
  int shape;                        // index into KernelTable::shapes
  int64_t out_begin;                // first output channel
  int columns;                      // valid ones
  int64_t weights_offset;           // bytes
  int64_t column_offset;            // into the per-column arrays
  int64_t byte_order_offset;        // into byte_orders
  kernels::PanelEpilogue epilogue;  // without row terms
  int64_t tap_sums_offset;          // into tap_sums
  int64_t shuffles_offset;          // into SpreadLayout::shuffle_*
  kernels::SpreadForm spread_form;
  // kChainedShape: into chain_lists; of all taps, if there is such a list (chains.h), and of each.
  int64_t whole_chains, tap_chains;
};

// How outputs and taps step through the input in one dimension; see lane_feed.h.
struct SpreadSteps {
  int64_t stride;    // from one set of outputs that share positions to the next
  int64_t sharing;   // how many outputs are in a set
  int64_t taps;      // quads, that is
  int64_t distance;  // from quad to quad
  int64_t unit;      // greatest common divisor of stride and distance
};

// How the input of a kLanes layer is spread; see spread_layout.h.
struct SpreadLayout {
  kernels::SpreadForm form;  // kChannels: some panels may be kNearChannels
  int64_t quad_h, quad_w;    // taps of a position: 1 x 4, 2 x 2 or 4 x 1; 1 x 1 for kChannels
  // Input pixels from the first tap of a position to each. A quad may be larger than the kernel:
  // taps beyond it have no weights, and the last one in the kernel stands in.
  int64_t tap_h[kernels::kDepthGroup], tap_w[kernels::kDepthGroup];
  // Outputs that share positions, each with weights of its own: rows, so many output rows and taps
  // apart, or pixels of a row, so many pixels and taps apart. (Not both.)
  int64_t output_rows = 1, row_step = 1, row_taps = 1;
  int64_t output_columns = 1, column_step = 1, column_taps = 1;
  bool together = false;  // whether a kernel computes all of them (PanelTask::sharing)
  int64_t depth_groups;   // of a position
  SpreadSteps steps[3];   // d, h, w
  std::vector<int64_t> shuffle_offsets;  // of all panels (kernels::LaneShuffles)
  std::vector<uint8_t> shuffle_orders;
  int64_t read_bytes;  // kernels may read of a pixel, from the first channel they need

  int64_t Sharing() const { return output_rows * output_columns; }
};

// A vector from a cache line boundary on. Kernels read it a cache line at a time; reads that
// straddle two cost the epilogue of a 6x64 tile 5 of its 19 cycles a row.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>& /*other*/) {}  // NOLINT: allocators convert

  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
  }
  void deallocate(T* data, size_t /*count*/) { ::operator delete(data, kAlignment); }
  bool operator==(const CacheLineAllocator&) const = default;
};
template <class T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

// Whether kernels have an exact dot product of quads; if not, they widen them or take chains.
inline bool HasDotProduct(const kernels::KernelTable& table) {
  return table.weight_format == kernels::WeightFormat::kS8Quads;
}

struct PackedLayer {
  PackedLayer() = default;
  PackedLayer(PackedLayer&&) = default;  // not to be copied: panels point into the vectors
  PackedLayer& operator=(PackedLayer&&) = default;

  static constexpr int32_t kNoException = std::numeric_limits<int32_t>::min();  // no accumulator

  Geometry geometry = {};
  const kernels::KernelTable* kernels = nullptr;
  Feed feed = Feed::kTaps;
  Dims tap_grid = {};  // taps as the panels have them, by feed (TapGrid, SpreadGrid)
  std::vector<ChannelGroup> groups;
  std::vector<Panel> panels;
  AlignedVector<std::byte> weights;
  // Of panels of shape kChainedShape; see chains.h.
  std::vector<kernels::ChainList> chain_lists;
  std::vector<int32_t> chain_inputs;
  std::vector<int16_t> chain_taps;
  AlignedVector<int8_t> chain_weights;  // [link][lane][4]
  // Every weight is the sum of so many; more than 1 only in kLanes layers.
  int64_t weight_parts = 1;
  SpreadLayout spread = {};             // of a kLanes layer
  int slide_form = kNoSlide;            // of a kLanes layer: see slide.h
  bool groups_in_place = false;         // a kLanes layer: see group_panels.h
  StripLayout strips = {};              // of a kStrips layer
  AlignedVector<uint8_t> group_orders;  // [panel][depth group][lane][4]

  // Of all panels: columns by position, and what puts their bytes in order (columns.h).
  std::vector<uint8_t> columns;
  AlignedVector<uint8_t> byte_orders;

  // Per column, by position; see kernels::PanelEpilogue.
  AlignedVector<int32_t> offsets;
  AlignedVector<int32_t> bases;
  AlignedVector<float> slopes;
  AlignedVector<float> intercepts;
  AlignedVector<int32_t> exceptions;  // [panel][vector][kMaxExceptions][lane]
  AlignedVector<float> bias;
  AlignedVector<float> multipliers;
  AlignedVector<int32_t> weight_zero_points;
  // [panel][0 <= tap <= taps][column]: sum of the weights of all taps before this one, for blocks
  // that skip taps.
  std::vector<int32_t> tap_sums;

  // kTransformed: index into kernels::kTransforms; in how many parts sums are taken.
  int transform = 0;
  int64_t transform_parts = 0;

  // kLanes, Winograd: a pixel of the input zero point, and as many bytes more as kernels may read.
  std::vector<uint8_t> padding;
  int64_t window_bytes = 0;  // of one pixel, gathered
  uint8_t input_zero_point = 0;
  uint8_t input_maximum = 255;   // of the input and of its padding: at least input_zero_point
  bool needs_row_terms = false;  // for weight zero points that are not in the weights
  int64_t accumulator_bound = 0;

  // Of a kStrips layer: the same with feed kRuns, for images so low that to skip kernel rows takes
  // less time (PrefersRuns, ../plan.h).
  std::shared_ptr<const PackedLayer> runs;
  // The same layer with feed kTransformed, for images that take less time so; or null.
  std::shared_ptr<const PackedLayer> transformed;
  // The same layer, two neighbouring pixels as one (neighbours.h); or null.
  std::shared_ptr<const PackedLayer> neighbours;
  // What this packing takes for a pixel, in vector instructions beside loads; of layers that may
  // have another.
  int64_t instructions = 0;

  // Bytes of a tap (kTransformed: of a position) of this panel, which has no chains.
  int64_t TapWeightBytes(const Panel& panel) const {
    const bool words = feed == Feed::kTransformed || !HasDotProduct(*kernels);
    const int weight_bytes = words ? 2 : 1;
    return groups[static_cast<size_t>(panel.group)].depth_groups * kernels::kDepthGroup *
           kernels->shapes[panel.shape].columns * weight_bytes;
  }
  // Whether the lanes of a panel take the quads of their group in turns (group.inl.h).
  bool RotatesQuads(const Panel& panel) const {
    return groups_in_place && kernels->shapes[panel.shape].vectors == kernels::kRotatedVectors;
  }
  // Which depth group of the input a lane multiplies by depth group `group` of the panel.
  int64_t InputGroup(const Panel& panel, int64_t group, int lane) const {
    if (!RotatesQuads(panel)) return group;
    return (lane + group) % spread.depth_groups;
  }
  // Which column is at a position, vector * lanes + lane, of a panel.
  int Column(const Panel& panel, int64_t position) const {
    return columns[static_cast<size_t>(panel.column_offset + position)];
  }
  // Whether the weights are packed less their zero points.
  bool FoldsZeroPoints() const { return feed == Feed::kLanes || feed == Feed::kTransformed; }
  const kernels::Transform& Algorithm() const { return kernels::kTransforms[transform]; }
  int64_t GridTaps() const { return tap_grid[0] * tap_grid[1] * tap_grid[2]; }
  // Of one part for one of the outputs that share positions.
  int64_t WeightPartBytes(const Panel& panel) const {
    return (feed == Feed::kTransformed ? Algorithm().positions : GridTaps()) *
           TapWeightBytes(panel);
  }
  int64_t PanelWeightBytes(const Panel& panel) const {
    return spread.Sharing() * weight_parts * WeightPartBytes(panel);
  }
  // Whether slides have weights of their own.
  bool SlidesPairs() const {
    return slide_form != kNoSlide && kernels::kSlideForms[slide_form].pairs;
  }
};

}  // namespace qconv::pack
