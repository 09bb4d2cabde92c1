// ImagePlan: which output pixels are computed together. A pure function of layer and image size.
//
// Layer: middle end. Knows the shapes of tiles, not what they compute. Read next: run.h.
//
// Each dimension of the output is cut into segments with the same taps inside the image, so that an
// output image is a grid of rectangles, each with a fixed box of taps:
//
//        w:  0   1 ......... W-2   W-1
//   h: 0    [c] [----- edge -----] [c]       taps in the padding contribute nothing:
//      1    [ ] [                ] [ ]       they are skipped, never read.
//      .    [e] [    interior    ] [e]
//     H-2   [ ] [                ] [ ]
//     H-1   [c] [----- edge -----] [c]
//
// Where skipping is not possible (kernel rows read as one run) or not for each pixel by itself
// (kernels of many taps), edges are segments of `copied` pixels: their input is gathered first,
// padding filled in. (Of first layers the input of all pixels is: GathersRows, plan.cpp.) Large
// rectangles are cut into blocks, small ones share one. A block is at most kMaxBlockRows pixels
// ("rows" of the matrix product) in at most kMaxPieces rectangles.
//
// Small images take less time if each group of channels is copied once, with its padding: rows with
// the same taps, or the whole image, are a rectangle then, read in place from the copy (padding.h).
//
// Lane layers are simpler: the image is a grid of equal tiles, a block each, all of them copied.
// With a dilation of d, a tile may have every d-th row, or every d-th pixel of rows: those are
// whose taps fall on the same input. Where kernels read the input in place (in_place.h), a tile has
// whole output rows, as many as leave enough tasks, and nothing is copied.
#pragma once

#include <array>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"
#include "segments.h"

namespace qconv {

inline constexpr int64_t kMaxBlockRows = pack::RunRows::kMax;
inline constexpr int64_t kUsualBlockRows = 240;  // the most, but of first layers and lanes
inline constexpr int64_t kLaneBlockRows = 480;
inline constexpr int kMaxPieces = 32;
inline constexpr int64_t kCopyBytes = 64 * 1024;  // scratch for the gathered input of a block

// How many tasks keep so many threads busy to the end.
constexpr int64_t TasksFor(int threads) { return threads == 1 ? 1 : int64_t{4} * threads; }

// How many shares of the panels make enough tasks of blocks.
int64_t ChooseSplits(int64_t blocks, int64_t panels, int threads);

// Whether a kStrips layer takes less time as PackedLayer::runs, which skips the kernel rows that
// lie in the padding: images hardly higher than the kernel reaches.
bool PrefersRuns(const pack::PackedLayer& layer, const pack::Dims& input, const pack::Dims& output);

class ImagePlan {
 public:
  // `threads`: how many will work on the blocks; small images are cut finer for many. Of the last
  // pixel of each row `idle_outputs` channels are not there (pack/neighbours.h).
  ImagePlan(const pack::PackedLayer& layer, int64_t batch, const pack::Dims& input,
            const pack::Dims& output, int threads, int64_t idle_outputs = 0);

  // Batch and sizes may differ from the caller's: a pointwise layer sees its pixels in one row.
  int64_t batch() const { return batch_; }
  const pack::Dims& input() const { return input_; }
  const pack::Dims& output() const { return output_; }

  // Of the last pixel of each row. A piece has all or none of these pixels.
  int64_t idle_outputs() const { return idle_outputs_; }

  int64_t blocks() const { return blocks_; }        // per image
  int64_t most_rows() const { return most_rows_; }  // of a block, unless it is a lane layer's
  bool copies() const { return copies_; }           // whether any piece is copied
  bool pads() const { return pads_; }          // whether all pieces read padded copies in place
  bool in_place() const { return in_place_; }  // whether pieces are rows for RunInPlace

  pack::Piece LargestRectangle() const;

  // Fills `pieces` with those of block 0 <= index < blocks(); returns how many.
  int PiecesOf(int64_t index, pack::Piece (&pieces)[kMaxPieces]) const;

 private:
  // Consecutive blocks: several blocks of one rectangle, or one block of several rectangles.
  // (Small, for there is room for as many as rectangles, on the stack of Run.)
  struct Span {
    int16_t first_rectangle, rectangles;
    int32_t block_rows;
    int64_t first_block, blocks;
  };
  void CutTiles(const pack::PackedLayer& layer, int threads);
  pack::Piece Tile(int64_t index) const;
  pack::Piece Rectangle(int index) const;
  void CutSegments(const pack::PackedLayer& layer);
  void CutBlocks(const pack::PackedLayer& layer, int threads);

  int64_t batch_;
  pack::Dims input_, output_;
  int64_t idle_outputs_;
  GridSegments segments_;
  std::array<Span, (kMaxSegments + 1) * kMaxSegments * kMaxSegments> spans_;
  int span_count_ = 0;
  // Of a lane layer: extents of tiles, how many, taps, and from output to output of a tile.
  pack::Dims tile_ = {}, tiles_ = {}, kernel_ = {}, steps_ = {};
  int64_t blocks_ = 0, most_rows_ = 0;
  bool copies_ = false, pads_ = false, in_place_ = false;
};

}  // namespace qconv
