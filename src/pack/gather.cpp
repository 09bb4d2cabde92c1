#include "pack/gather.h"

#include <algorithm>

#include "pack/integers.h"
#include "pack/row_copy.h"

namespace qconv::pack {

StripGatherer::StripGatherer(const PackedLayer& layer, const ChannelGroup& group,
                             const Piece& piece, const ImageView& image, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      group_(group),
      piece_(piece),
      image_(image),
      next_(reinterpret_cast<uint8_t*>(scratch)) {
  const int64_t taps = piece.segment[2].taps(), outputs = std::min(piece.width(), piece.rows());
  const bool shared = WindowsShare(g_, taps, outputs);
  strip_outputs_ = shared ? outputs : 1;
  tap_step_ = shared ? g_.dilation[2] : 1;
  joined_ = CopiedBytes(g_, group, taps, strip_outputs_);
  row_bytes_ = RowBytes(layer, group, taps, strip_outputs_);
}

int64_t StripGatherer::CopiedBytes(const Geometry& g, const ChannelGroup& group, int64_t taps,
                                   int64_t outputs) {
  const int64_t last = outputs == 1 ? taps : g.InputExtent(2, taps, 1);
  return RoundUp((outputs - 1) * g.stride[2] * group.in_channels +
                     RoundUp(last * group.in_channels, kernels::kDepthGroup),
                 kernels::kDepthGroup);
}

int64_t StripGatherer::RowBytes(const PackedLayer& layer, const ChannelGroup& group, int64_t taps,
                                int64_t outputs) {
  const Geometry& g = layer.geometry;
  const int64_t copied = CopiedBytes(g, group, taps, outputs);
  if (layer.feed != Feed::kStrips) return copied;
  const int64_t joined =
      (outputs - 1) * g.stride[2] * group.in_channels + kernels::kDepthGroup + kernels::kJoinBytes;
  return copied + RoundUp(joined, kernels::kDepthGroup);
}

int64_t StripGatherer::WindowBytes(const PackedLayer& layer, const ChannelGroup& group) {
  const Geometry& g = layer.geometry;
  return g.kernel[0] * g.kernel[1] * RowBytes(layer, group, g.kernel[2], /*outputs=*/1);
}

const uint8_t* StripGatherer::Gather(const Dims& at, int64_t count) {
  const auto position = [&](size_t dim, int64_t tap) {
    return at[dim] * g_.stride[dim] - g_.padding[dim] + tap * g_.dilation[dim];
  };
  const Segment& d = piece_.segment[0];
  const Segment& h = piece_.segment[1];
  uint8_t* strip = next_;
  int64_t first_row = h.tap_begin, first_joined = 0;
  // Below the strip before: there is one plane, and all but its last rows have been gathered.
  if (last_ != nullptr && at[1] == last_y_ + 1 && at[2] == last_x_) {
    strip = last_ + g_.stride[1] * row_bytes_;
    first_row = h.tap_end - g_.stride[1];
    if (layer_.feed == Feed::kStrips) first_joined = layer_.strips.JoinedAbove(g_.stride[1]);
  }
  const int64_t taps = piece_.segment[2].taps();
  const bool shared = strip_outputs_ > 1;
  const RowCopy copy(layer_, group_.in_begin, group_.in_channels, /*pitch=*/group_.in_channels,
                     image_,
                     {.x = position(2, piece_.segment[2].tap_begin),
                      .step = shared ? 1 : g_.dilation[2],
                      .count = shared ? g_.InputExtent(2, taps, count) : taps});
  for (int64_t i = d.tap_begin; i < d.tap_end; ++i) {
    for (int64_t j = first_row; j < h.tap_end; ++j, next_ += row_bytes_) {
      copy(position(0, i), position(1, j), next_);
    }
  }
  if (layer_.feed == Feed::kStrips) {
    for (int64_t i = 0; i < d.taps(); ++i) {
      Join(strip + i * layer_.strips.rows * row_bytes_, first_joined, count);
    }
  }
  if (RowsShare(g_, piece_)) {
    last_ = strip;
    last_y_ = at[1];
    last_x_ = at[2];
  }
  return strip;
}

void StripGatherer::Join(uint8_t* plane, int64_t first, int64_t count) const {
  const StripLayout& strips = layer_.strips;
  kernels::JoinTask task;
  task.masks = strips.masks.data();
  task.period = strips.period;
  task.bytes = (count - 1) * strips.pixel_step + kernels::kDepthGroup;
  for (int64_t k = first; k < strips.joined_groups; ++k) {
    const int64_t row = k * strips.joined_rows;
    uint8_t* bytes = plane + row * row_bytes_;
    task.output = bytes + joined_;
    task.count = static_cast<int>(std::min(strips.joined_rows, strips.rows - row));
    // Byte i of a depth group is byte i - r * remainder of the remainder of row r.
    bytes += strips.row_groups * kernels::kDepthGroup;
    for (int r = 0; r < task.count; ++r) {
      task.rows[r] = bytes + r * (row_bytes_ - strips.remainder);
    }
    layer_.kernels->join_rows(task);
  }
}

QuadGatherer::QuadGatherer(const PackedLayer& layer, const ChannelGroup& group,
                           const ImageView& image, int64_t outputs, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      group_(group),
      image_(image),
      next_(reinterpret_cast<uint8_t*>(scratch)),
      pixel_bytes_(group.depth_groups * kernels::kDepthGroup) {
  const int64_t taps = g_.kernel[2];
  shared_ = WindowsShare(g_, outputs);
  strip_outputs_ = shared_ ? outputs : 1;
  row_bytes_ = (shared_ ? g_.InputExtent(2, taps, outputs) : taps) * pixel_bytes_;
}

const uint8_t* QuadGatherer::Gather(const Dims& at, int64_t count) {
  const uint8_t* strip = next_;
  const auto origin = [&](size_t i) { return at[i] * g_.stride[i] - g_.padding[i]; };
  const int64_t taps = g_.kernel[2], step = shared_ ? 1 : g_.dilation[2];
  const RowCopy copy(
      layer_, group_.in_begin, group_.in_channels, pixel_bytes_, image_,
      {.x = origin(2), .step = step, .count = shared_ ? g_.InputExtent(2, taps, count) : taps});
  for (int64_t i = 0; i < g_.kernel[0]; ++i) {
    for (int64_t j = 0; j < g_.kernel[1]; ++j, next_ += row_bytes_) {
      copy(origin(0) + i * g_.dilation[0], origin(1) + j * g_.dilation[1], next_);
    }
  }
  return strip;
}

}  // namespace qconv::pack
