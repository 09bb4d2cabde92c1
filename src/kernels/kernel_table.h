// Longer than 250 lines: what crosses stands in one place.
// KernelTable: everything that crosses between code compiled for one ISA and the rest of the
// library.
//
// Layer: the watershed. Plain data only, no templates, no intrinsics. Functions with a body are
// constexpr, and kernels use them in constants only (compiled in an ISA's file they could be the
// copy that the linker keeps for all). Read next: gemm_tile.inl.h for what a kernel does,
// ../run.cpp for who fills a PanelTask; ../in_place.cpp and ../transformed.cpp fill other tasks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qconv::kernels {

// Depth (input channels of a tap) is consumed in groups of four: one 32-bit lane of a dot product.
inline constexpr int kDepthGroup = 4;
inline constexpr int kMaxVectors = 4;   // vectors side by side in a panel, at most
inline constexpr int kMaxColumns = 64;  // output channels in a panel, at most
// Bytes are made of four vectors at a time, of so many pixels, by vectors - 1; of three vectors the
// fourth is not used.
inline constexpr int kQuadRows[kMaxVectors] = {4, 2, 1, 1};

// How a panel of weights lies in memory: [tap][depth group][vector][lane][...], where the innermost
// bytes are what one dot product consumes for one output channel.
enum class WeightFormat {
  kS8Quads,     // four s8: w0 w1 w2 w3
  kS16EvenOdd,  // a vector of s16 pairs (w0, w2), then a vector of s16 pairs (w1, w3)
};

// One output pixel: where its first input byte lies and where its outputs go, in bytes from the
// first pixel of its block. The outputs of a list of rows lie one behind the other, as kernels
// store several at once.
struct Row {
  int64_t input;
  int64_t output;
};

// Rows whose inputs are `step` bytes apart, run after run of them.
struct RowRuns {
  int64_t first;  // rows of the first run; there may be fewer in all
  int64_t count;  // of those that follow it, but for the last; 0: where runs end is not known
  int64_t step;
};

// The taps of a block are a box in (d, h, w); each level of the loop nest steps through the input
// and through the panel. Bytes.
struct TapLoop {
  int64_t count;
  int64_t input_stride;
  int64_t weight_stride;
};

// Without an instruction that sums the four products of a depth group exactly, there is one that
// sums pairs of them in int16 (a link), and one that sums the two int16 of a lane in int32. Links
// may be added up in int16 before (a chain), as long as no input can take a sum out of int16:
// packing proves that (pack/chains.h). Links are not bound to depth groups: their four input bytes
// may begin anywhere in a tap, and come in any order.
inline constexpr int kMaxLinks = 4;          // of a chain
inline constexpr int kMaxWholeLinks = 2048;  // of a list about all taps
inline constexpr int kMaxWholeTaps = 1024;   // that it is about
struct ChainList {
  int64_t weights;            // of its first link, in bytes from the weights; the others follow
  int32_t links;              // how many
  int64_t first_link;         // of PanelTask::chain_inputs and chain_taps
  int32_t counts[kMaxLinks];  // of chains of 1, 2, ... links; the longest come first
};

// The requantization of a panel, columns in the panel's order (pack/columns.h).
//
// Step by step: ((accumulator - base - weight zero point * row term) + bias) * multiplier, rounded
// to an integer, plus the output zero point, clamped.
//
// In registers there are no row terms and results are below 2^31. Kernels that can do it all in a
// single step (KernelTable::fuses) want more, others bases of 0: bits of accumulators are those of
// floats from 2^23 to 2^24, and results are in s16 before the clamp. Then a vector may have slopes
// and intercepts: of float * slope + intercept, rounded once, the low 16 bits are the result,
// unless the accumulator is one of the column's exceptions (pack/fuse.h). The other vectors do the
// steps with floats whose low bits are integers, too. Those of kResultZero are 0.
inline constexpr float kResultZero = 1.5f * (1 << 23);
inline constexpr int kMaxExceptions = 2;  // of a column
inline constexpr int8_t kNotFused = -1;   // exceptions of a vector without a single step
struct PanelEpilogue {
  const int32_t* offsets;  // initial accumulators: base - input_zero_point * sum of weights
  const float* slopes;
  const float* intercepts;
  const int32_t* exceptions;             // [vector][kMaxExceptions][lane]
  int8_t exception_counts[kMaxVectors];  // of each vector: the most of a column; or kNotFused
  bool in_registers;
  const uint8_t* byte_order;  // [128-bit lane][16]: see pack/columns.h
  const int32_t* bases;
  const float* bias;                  // bias / (input scale * weight scale)
  const float* multipliers;           // input scale * weight scale / output scale
  const int32_t* weight_zero_points;  // zeros without row terms
  const int32_t* row_terms;  // [row] sum of (a - input_zero_point); null if no zero point is left
  int16_t output_zero_point;
  uint8_t lower;  // clamp of the output
  uint8_t upper;
};

inline constexpr int kMaxListedGroups = 128;  // depth groups of a panel, for dense kernels
inline constexpr int kMaxSharing = 4;         // outputs that share positions of spread input

// A block of output pixels (rows) times one panel of output channels (columns).
struct PanelTask {
  const uint8_t* input;  // of the first pixel
  uint8_t* output;       // of the first pixel and the first channel of the panel
  const Row* rows;
  int64_t row_count;
  RowRuns runs;
  TapLoop taps[3];       // outermost first
  int64_t depth_groups;  // per tap
  const std::byte* weights;
  // Kernels of chains only, instead of `depth_groups`: a list for each tap (weight strides of
  // `taps` are in lists) or, if `whole_chains`, one for all of them together.
  const ChainList* chains;
  bool whole_chains;
  const int32_t* chain_inputs;  // of all links: input bytes from the tap
  const int16_t* chain_taps;    // and which tap that is, in raster order
  // Lane kernels, and others if not null (kMaxListedGroups at most), instead of `taps` and
  // `depth_groups`: where each depth group of the panel finds its input, in bytes from that of the
  // row.
  const int64_t* group_inputs;
  int64_t group_count;
  // Lane kernels only: how many outputs that share the positions of each row (pack/spread_layout.h)
  // are computed together: 1, or, without row terms, 2 or 4; and bytes of weights and of output
  // from one to the next.
  int sharing;
  int64_t share_weight_step, share_output_step;
  PanelEpilogue epilogue;
  int columns;  // valid ones, 1..PanelShape::columns
};

using PanelKernel = void (*)(const PanelTask& task);

// Lane kernels serve layers whose output channels read inputs of their own (depthwise, narrow
// groups). Their input is spread first, so that each lane of a vector finds its own depth group:
//
//   [position][depth group][vector][lane][four bytes]   ([...][lane] widened as the weights are)
//
// where a position is a pixel, or four of them that are taps of the kernel.
enum class SpreadForm {
  kTaps,          // lane = channel; its four bytes are of four pixels
  kShuffledTaps,  // the same, lanes taking their channels by shuffles
  kChannels,      // the four bytes are channels of one pixel, taken by shuffles
  kNearChannels,  // the same, and column j takes them from channels 4 * nv * (j / (4 * nv)) on,
                  // less than 4 * nv of them, where nv is the number of vectors
};
inline constexpr int kSpreadForms = 4;

// A shuffle takes 16 bytes of a pixel from `offset` on (kNearChannels: from its place on), and of
// them the bytes `order`, for 16 columns (one each, kShuffledTaps) or for four columns (four each).
inline constexpr int kShuffleBytes = 16;
struct LaneShuffles {
  const int64_t* offsets;
  const uint8_t* orders;  // [shuffle][16]
};

// `rows` rows of `count` positions. Steps are in bytes.
struct SpreadTask {
  const uint8_t* taps[kDepthGroup];  // pixels of the first position; kChannels: one
  int64_t count, rows;
  // From a position's pixels to those of the next, in its row and in the row below; 0 where a tap
  // is padding.
  int64_t steps[kDepthGroup], row_steps[kDepthGroup];
  int64_t depth_groups;   // of a position; kTaps, kShuffledTaps: 1
  LaneShuffles shuffles;  // kShuffledTaps: [16 columns], else [group][vector][four lanes]
  std::byte* output;
  int64_t output_step, output_row_step;
};

using SpreadKernel = void (*)(const SpreadTask& task);

// Sliding kernels serve depthwise layers of small kernels without spread input in between: they
// keep the columns of input that a pixel needs in registers, four rows interleaved (a quad), and
// slide along w. Two output rows may share the columns, each with weights of its own.
//
//   columns   0  1  2  3  4 ...      quad 0: input rows 0 to 3, quad 1: from row 4 on
//    quad 0  [ ][ ][ ][ ][ ]         pixel i: columns i * stride, ..., i * stride + taps - 1
//    quad 1  [ ][ ][ ][ ][ ]
//
// Of the last quad only the rows that an output row needs, or two, are read. The first output row
// has weights in rows [0, inputs[0]) only, even where two share the columns. A last quad of two
// rows may have them of two columns, of the one before and its own (of the first, anything before),
// so that every other tap is enough:
//
//    quad 0  [0][1][2][3][4]        taps of a pixel
//    quad 1  [ 0][ 1  2][ 3  4]
inline constexpr int kMaxSlideInputs = 7, kMaxSlideOutputs = 2;
struct SlideForm {
  int taps;                      // columns that a pixel needs
  int quads;                     // of a column
  int stride;                    // columns from pixel to pixel
  int inputs[kMaxSlideOutputs];  // input rows that are read for one output row, and for two
  bool pairs;                    // whether the last quad is one of two columns

  // Quads of weights of an output row.
  constexpr int WeightQuads() const { return quads * taps - (pairs ? taps / 2 : 0); }
};
inline constexpr SlideForm kSlideForms[] = {{3, 1, 1, {3, 4}, false}, {3, 1, 2, {3, 4}, false},
                                            {3, 1, 3, {3, 4}, false}, {5, 2, 1, {5, 6}, true},
                                            {5, 2, 2, {5, 7}, false}, {5, 2, 3, {5, 6}, true}};
inline constexpr int kSlideFormCount = 6;

// Neighbouring columns: where each input row has the first, and from one to the next, in bytes (0
// where it is padding). Rows beyond SlideForm::inputs are neither set nor read.
struct SlideRun {
  const uint8_t* rows[kMaxSlideInputs];
  int64_t steps[kMaxSlideInputs];
  int64_t count;
};

// Output rows of `count` pixels times one panel.
struct SlideTask {
  const SlideRun* runs;  // one after the other, all columns that the pixels need
  int64_t channel;       // bytes from where the runs point to the first channel of the panel
  uint8_t* outputs[kMaxSlideOutputs];  // the first pixel of each row, first channel of the panel
  int output_rows;
  int64_t output_step;  // from pixel to pixel, in bytes
  int64_t count;
  const std::byte* weights;       // [output row][quad][tap][vector]; taps 0, 2, ... of pairs
  const PanelEpilogue* epilogue;  // without row_terms
  int columns;
};

using SlideKernel = void (*)(const SlideTask& task);

// Group kernels serve narrow groups and kernels of three columns, without spread input in between.
// A panel is a vector whose groups have at most 16 input channels together, or one or two vectors
// of a single group, or kRotatedVectors of groups of 4, 8 or 16 inputs and as many outputs, without
// a column to spare and, on ISAs without the single step, four neighbouring ones in each lane. A
// step computes neighbouring pixels. (group.inl.h draws all this.)
inline constexpr int kGroupTaps = 3;       // columns that a pixel needs
inline constexpr int kGroupStrides = 3;    // columns from pixel to pixel: 1, 2 or 3
inline constexpr int kGroupBytes = 16;     // of a pixel that are shuffled
inline constexpr int kGroupVectors = 2;    // of a panel of a single group, at most
inline constexpr int kRotatedVectors = 4;  // of a panel whose quads are rotated
inline constexpr int kMaxGroupPixels = 8;  // of a step

// Output rows of `count` pixels times one panel.
struct GroupTask {
  const uint8_t* const* columns;  // [output row][kernel row][column_count]: where they lie, without
                                  // the channel
  int64_t column_count;
  int64_t channel;  // the first one of the panel
  int64_t kernel_rows;
  int64_t depth_groups;
  const uint8_t* orders;  // [depth group][lane][4]: which of the 16 bytes a lane multiplies (of its
                          // own 128-bit lane, where quads are rotated); null if all lanes multiply
                          // the same four, group by group (not at a stride of kGroupTaps)
  uint8_t* output;        // first row and pixel, first channel of the panel
  int64_t rows, count;
  int64_t output_row_step, output_step;  // bytes
  const std::byte* weights;              // [kernel row][tap][depth group][vector]
  const PanelEpilogue* epilogue;         // without row_terms
  int valid_columns;                     // of the panel
};

using GroupKernel = void (*)(const GroupTask& task);

// Kernels of transformed layers compute tiles of outputs by an algorithm of fewer products than the
// layer has as it is written. First the input of some tiles is transformed, channels in chunks of
// two for each lane:
//
//   [position][kernel plane][chunk][tile][channel of the chunk]   s16
//
// (the last chunk of a plane holds the last channels; some may be in the one before, too, and are
// left out when it is multiplied). A position is a matrix product of its own: tiles times channels
// by channels times columns of a panel, with weights [position][kernel plane][pair of
// channels][vector][lane][2]. Panel after panel is multiplied, and its products are transformed to
// outputs.
struct Transform {
  const char* name;
  int positions;
  int pixels;   // of input of a tile
  int outputs;  // pixels of output of a tile
  // Of input channels, which are transformed together; and of output channels: panels of one block
  // each, `blocks` of them, share their weights.
  int blocks;
};
inline constexpr int kTransformedVectors = 2;  // of a panel, at most
inline constexpr int kMostBlocks = 4;

// Winograd's algorithm serves layers with 3x3 kernels, at strides of 1 (winograd.inl.h says how);
// to it the planes of an n x 3 x 3 kernel are more input channels. A tile is 6 x 6 pixels of input
// for 4 x 4 of output, neighbours or, with a dilation, so far apart.
inline constexpr int kWinogradSide = 6, kWinogradOutputSide = 4;
inline constexpr int kWinogradPositions = kWinogradSide * kWinogradSide;
inline constexpr int kWinogradOutputs = kWinogradOutputSide * kWinogradOutputSide;
// Sums of products, without offsets, are in -2^25 .. 2^25 - 1, or in parts that are: more is lost
// on the way.
inline constexpr int kWinogradSumBits = 26;

// Strassen's algorithm serves pointwise layers without VNNI (strassen.inl.h says how). A tile is
// two pixels, or four. A tile of one pixel has the product itself: its input is widened to 16 bits
// ahead, for all panels, and no more.
inline constexpr int kStrassenProducts = 7;

inline constexpr int kWinograd = 0, kWidened = 1, kStrassen = 2, kStrassenTwice = 3;
inline constexpr Transform kTransforms[] = {
    {"Winograd", kWinogradPositions, kWinogradPositions, kWinogradOutputs, 1},
    {"widened", 1, 1, 1, 1},
    {"Strassen", kStrassenProducts, 2, 2, 2},
    {"Strassen, twice", kStrassenProducts* kStrassenProducts, 4, 4, 4}};
inline constexpr int kTransformCount = 4;

struct TransformInputTask {
  const uint8_t* const* pixels;  // [tile][pixel]: where they lie, without the channel
  int64_t channel, channels;     // of a block: the first one; how many, a chunk at least
  int64_t tiles;
  int16_t* output;
  int64_t position_step;  // from position to position
};

struct TransformedTask {
  const int16_t* input;  // transformed
  int64_t input_step;    // from position to position
  int64_t tiles;
  int64_t chunks, plane_chunks;  // of all kernel planes; of each
  int64_t part_chunks;           // of a part
  // Of channels that are multiplied: of each chunk but the last of a plane; and of that, from pair
  // `last_begin` on. (A narrow group is less than one chunk, from `input` on.)
  int64_t pairs, last_pairs, last_begin;
  const std::byte* weights;
  int64_t weight_step;   // bytes from position to position
  int32_t* products;     // room for [position][tile][column]; for several parts, 16 positions more
  int64_t product_step;  // from position to position
  uint8_t* output;       // of some pixel, first channel of the (first) panel
  int64_t block_step;    // from its first channel to that of the next block's panel
  // [tile][output]: from that pixel. Negative ones are not written, nor those that follow in their
  // row of the tile.
  const Row* rows;
  const PanelEpilogue* epilogues[kMostBlocks];  // of the panels, without row_terms
  int columns;                                  // of each
};

using TransformInputKernel = void (*)(const TransformInputTask& task);
using TransformedKernel = void (*)(const TransformedTask& task);
struct TransformedKernels {
  int rows;  // tiles of input in a register tile
  TransformedKernel multiply[kTransformCount];
};

// Joins rows: byte i of the output is that of the row whose mask has it, 0 if there is none. Masks
// repeat after `period` bytes. Reads and writes kJoinBytes at a time, less than that too many.
inline constexpr int kJoinBytes = 64;
struct JoinTask {
  const uint8_t* rows[kDepthGroup];
  int count;             // of rows
  const uint8_t* masks;  // [row][kJoinBytes]: 0 or 255
  int64_t period;        // kJoinBytes at most
  int64_t bytes;
  uint8_t* output;
};

using JoinKernel = void (*)(const JoinTask& task);

// sums[row] of the bytes of each row over all taps; `depth` is in bytes here, no others are read.
using RowSumKernel = void (*)(const uint8_t* input, const Row* rows, int64_t row_count,
                              const TapLoop taps[3], int64_t depth, int32_t* sums);

// The largest of `count` bytes; 0 of none. Reads no others.
using LargestByteKernel = uint8_t (*)(const uint8_t* bytes, int64_t count);

// The kernels of a shape for spread input.
struct LaneKernels {
  SpreadKernel spread[kSpreadForms];
  PanelKernel multiply;
  SlideKernel slides[kSlideFormCount];  // null where that is slower
};

// A register tile: `rows` pixels by `columns` channels. Kernels are null where there is no use for
// them.
// If runs of rows are longer than `rows` (RowRuns), tiles are up to `even_rows` high and end with a
// run; 0: there are no such tiles.
struct PanelShape {
  int vectors;
  int columns;
  int rows;
  int even_rows;
  PanelKernel multiply;
  LaneKernels lanes;
  TransformedKernels transformed;
};

// One vector, weights in chains; without kernels where a dot product of quads is exact.
inline constexpr int kChainedShape = kMaxVectors;

struct KernelTable {
  const char* name;
  const char* dot_product;
  int lanes;                   // int32 lanes of a vector
  bool fuses;                  // whether kernels know the single step of PanelEpilogue
  WeightFormat weight_format;  // of all shapes but the chained one
  int spread_vector_bytes;     // of a vector of spread input
  int shape_count;
  PanelShape shapes[kMaxVectors + 1];              // by vectors: 1, 2, ...; then kChainedShape
  GroupKernel groups[kMaxVectors][kGroupStrides];  // by vectors - 1 and stride - 1; or null
  // Depth groups of a group, at most, that they are the fastest way for: if all panels are rotated,
  // and if not.
  int rotated_depth, group_depth;
  // Whether lane kernels compute outputs that share positions together (PanelTask::sharing).
  bool shares_lanes;
  TransformInputKernel
      transforms[kTransformCount];  // of input; null where there is no use for them
  JoinKernel join_rows;
  RowSumKernel row_sums;
  LargestByteKernel largest_byte;
  // Runs dot products on registers for a while; returns how many multiply-accumulates it did.
  int64_t (*spin)(int64_t iterations);
};

}  // namespace qconv::kernels
