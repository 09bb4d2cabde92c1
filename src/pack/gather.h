// Gathering: copies of the input where kernels cannot read it in place.
//
// Layer: pack. A gatherer writes the windows of output pixels into scratch memory, one behind the
// other, padding filled in with the input zero point. What is read beyond their bytes is whatever
// the scratch held: it has no weights. Used by feed.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pack/feed.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Windows of neighbouring pixels as a strip: an input row for each kernel row, shared by the pixels
// of the strip where that is no longer than their windows (else a strip is one pixel, and just its
// taps).
//
//   strip: [kd][kh][input pixels][channels], rows rounded up to depth groups
//
// Strips of output rows one below the other share input rows, too, where there is one kernel plane:
// the second strip begins some rows after the first. In kStrips layers a row is followed by the
// joined bytes (strips.h) of those from it on.
class StripGatherer {
 public:
  StripGatherer(const PackedLayer& layer, const ChannelGroup& group, const Piece& piece,
                const ImageView& image, std::byte* scratch);

  int64_t strip_outputs() const { return strip_outputs_; }  // a strip serves so many, at most
  int64_t tap_step() const { return tap_step_; }            // pixels of a strip from tap to tap
  int64_t row_bytes() const { return row_bytes_; }
  int64_t joined() const { return joined_; }  // from a row to its joined bytes

  // Gathers the windows of `count` <= strip_outputs() pixels from output position `at`.
  const uint8_t* Gather(const Dims& at, int64_t count);

  static int64_t WindowBytes(const PackedLayer& layer, const ChannelGroup& group);
  // Whether neighbours share a strip. If so, more of them do, too.
  static bool WindowsShare(const Geometry& g, int64_t taps, int64_t outputs) {
    return outputs > 1 && taps > 0 && g.InputExtent(2, taps, outputs) <= outputs * taps;
  }
  // Whether output rows one below the other can.
  static bool RowsShare(const Geometry& g, const Piece& piece) {
    return piece.segment[0].taps() == 1 && g.dilation[1] == 1 &&
           g.stride[1] <= piece.segment[1].taps();
  }
  // Bytes of a row of a strip that serves `outputs` pixels, which share it or are one, with `taps`
  // taps in w. Kernels read the last window to the end of its last depth group.
  static int64_t RowBytes(const PackedLayer& layer, const ChannelGroup& group, int64_t taps,
                          int64_t outputs);

 private:
  // The same without joined bytes.
  static int64_t CopiedBytes(const Geometry& g, const ChannelGroup& group, int64_t taps,
                             int64_t outputs);
  // Joins the rows of the kernel plane at `plane` for `count` pixels, from a depth group on.
  void Join(uint8_t* plane, int64_t first, int64_t count) const;

  const PackedLayer& layer_;
  const Geometry& g_;
  const ChannelGroup& group_;
  const Piece& piece_;
  const ImageView& image_;
  uint8_t* next_;
  int64_t strip_outputs_, tap_step_, row_bytes_, joined_;
  // If rows share: the strip before and its first output position.
  uint8_t* last_ = nullptr;
  int64_t last_y_ = 0, last_x_ = 0;
};

// Strips whose pixels are rounded up to a multiple of four channels, so that taps need not be
// neighbours. Neighbouring pixels share one, unless it holds far more than their taps.
//
//   strip: [kd][kh][input pixels][channels, rounded up to depth groups]
class QuadGatherer {
 public:
  // For runs of up to `outputs` pixels.
  QuadGatherer(const PackedLayer& layer, const ChannelGroup& group, const ImageView& image,
               int64_t outputs, std::byte* scratch);

  int64_t strip_outputs() const { return strip_outputs_; }  // a strip serves so many, at most
  int64_t output_bytes() const { return shared_ ? g_.stride[2] * pixel_bytes_ : 0; }
  int64_t tap_bytes() const { return shared_ ? g_.dilation[2] * pixel_bytes_ : pixel_bytes_; }
  int64_t row_bytes() const { return row_bytes_; }

  // Gathers the windows of `count` <= strip_outputs() neighbouring pixels from output position
  // `at`.
  const uint8_t* Gather(const Dims& at, int64_t count);

  static int64_t WindowBytes(const Geometry& geometry, const ChannelGroup& group) {
    return geometry.Taps() * group.depth_groups * kernels::kDepthGroup;
  }
  // Whether `outputs` neighbours share a strip. If so, more of them do, too.
  static bool WindowsShare(const Geometry& g, int64_t outputs) {
    constexpr int64_t kMostShared = 2;
    const int64_t most = kMostShared * g.kernel[2];
    return outputs > 1 && g.stride[2] <= most &&
           g.InputExtent(2, g.kernel[2], outputs) <= most * outputs;
  }
  // Bytes of a strip of `outputs` that share it.
  static int64_t StripBytes(const Geometry& g, const ChannelGroup& group, int64_t outputs) {
    return WindowBytes(g, group) / g.kernel[2] * g.InputExtent(2, g.kernel[2], outputs);
  }

 private:
  const PackedLayer& layer_;
  const Geometry& g_;
  const ChannelGroup& group_;
  const ImageView& image_;
  uint8_t* next_;
  int64_t pixel_bytes_, row_bytes_, strip_outputs_;
  bool shared_;
};

}  // namespace qconv::pack
