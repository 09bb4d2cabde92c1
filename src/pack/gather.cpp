#include "pack/gather.h"

#include <algorithm>
#include <cstring>

namespace qconv::pack {
namespace {

int64_t Taps(const Segment& segment) { return segment.tap_end - segment.tap_begin; }

int64_t RoundUp(int64_t bytes) {
  return (bytes + kernels::kDepthGroup - 1) / kernels::kDepthGroup * kernels::kDepthGroup;
}

// Copies `count` pixels of an input row, `step` apart and the first at x, `channels` bytes of each,
// to places `pitch` apart. Pixels outside the row are filled with `zero_point`. `row` is null where
// the whole row is outside.
struct RowCopy {
  const uint8_t* row;
  int64_t width;
  int64_t row_channels, channels, pitch;
  int64_t row_bytes;  // from `row` to the end of the row
  uint8_t zero_point;

  void operator()(int64_t x, int64_t step, int64_t count, uint8_t* out) const {
    if (row == nullptr) return Fill(out, count);
    if (step == 1 && pitch == row_channels) {
      const int64_t before = std::clamp<int64_t>(-x, 0, count);
      const int64_t end = std::clamp<int64_t>(width - x, before, count);
      if (before > 0) Fill(out, before);
      if (end > before) Copy(out + before * pitch, x + before, end - before);
      if (end < count) Fill(out + end * pitch, count - end);
      return;
    }
    for (int64_t i = 0; i < count; ++i, x += step, out += pitch) {
      if (x < 0 || x >= width) {
        Fill(out, 1);
      } else if (pitch == 4 && row_bytes - x * row_channels >= 4) {
        std::memcpy(out, row + x * row_channels, 4);  // what is too much has no weights
      } else {
        Copy(out, x, 1);
      }
    }
  }

 private:
  void Fill(uint8_t* out, int64_t pixels) const {
    std::memset(out, zero_point, static_cast<size_t>(pixels * pitch));
  }
  void Copy(uint8_t* out, int64_t x, int64_t pixels) const {
    const int64_t bytes = (pixels - 1) * pitch + channels;
    std::memcpy(out, row + x * row_channels, static_cast<size_t>(bytes));
  }
};

RowCopy MakeRowCopy(const PackedLayer& layer, const ChannelGroup& group, const ImageView& image,
                    int64_t z, int64_t y) {
  const Dims& size = image.input_size;
  const int64_t channels = layer.geometry.in_channels;
  const bool inside = z >= 0 && z < size[0] && y >= 0 && y < size[1];
  return {.row = inside ? image.input + (z * size[1] + y) * size[2] * channels + group.in_begin
                        : nullptr,
          .width = size[2],
          .row_channels = channels,
          .channels = group.in_channels,
          .pitch = group.in_channels,
          .row_bytes = size[2] * channels - group.in_begin,
          .zero_point = layer.input_zero_point};
}

}  // namespace

StripGatherer::StripGatherer(const PackedLayer& layer, const ChannelGroup& group,
                             const Piece& piece, const ImageView& image, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      group_(group),
      piece_(piece),
      image_(image),
      next_(reinterpret_cast<uint8_t*>(scratch)) {
  const int64_t width = piece.segment[2].end - piece.segment[2].begin;
  strip_outputs_ = WindowsShare(g_) ? std::min(width, piece.rows()) : 1;
  row_bytes_ = RowBytes(g_, group, Taps(piece.segment[2]), strip_outputs_);
}

int64_t StripGatherer::RowBytes(const Geometry& g, const ChannelGroup& group, int64_t taps,
                                int64_t outputs) {
  return RoundUp((outputs - 1) * g.stride[2] * group.in_channels +
                 RoundUp(taps * group.in_channels));
}

int64_t StripGatherer::WindowBytes(const Geometry& g, const ChannelGroup& group) {
  return g.kernel[0] * g.kernel[1] * RoundUp(g.kernel[2] * group.in_channels);
}

int64_t StripGatherer::InputPixels(int64_t outputs) const {
  return (outputs - 1) * g_.stride[2] + Taps(piece_.segment[2]);
}

const uint8_t* StripGatherer::Gather(const Dims& at, int64_t count) {
  const uint8_t* strip = next_;
  const auto position = [&](size_t dim, int64_t tap) {
    return at[dim] * g_.stride[dim] - g_.padding[dim] + tap * g_.dilation[dim];
  };
  const Segment& d = piece_.segment[0];
  const Segment& h = piece_.segment[1];
  for (int64_t i = d.tap_begin; i < d.tap_end; ++i) {
    for (int64_t j = h.tap_begin; j < h.tap_end; ++j) {
      GatherRow(position(0, i), position(1, j), position(2, piece_.segment[2].tap_begin),
                InputPixels(count));
    }
  }
  return strip;
}

void StripGatherer::GatherRow(int64_t z, int64_t y, int64_t x, int64_t pixels) {
  MakeRowCopy(layer_, group_, image_, z, y)(x, g_.dilation[2], pixels, next_);
  for (int64_t i = pixels * group_.in_channels; i < row_bytes_; ++i) next_[i] = 0;
  next_ += row_bytes_;
}

PaddedGatherer::PaddedGatherer(const PackedLayer& layer, const ChannelGroup& group,
                               const ImageView& image, int64_t outputs, std::byte* scratch)
    : layer_(layer),
      g_(layer.geometry),
      group_(group),
      image_(image),
      next_(reinterpret_cast<uint8_t*>(scratch)),
      pixel_bytes_(group.depth_groups * kernels::kDepthGroup) {
  const int64_t taps = g_.kernel[2];
  const int64_t strip = (outputs - 1) * g_.stride[2] + (taps - 1) * g_.dilation[2] + 1;
  shared_ = outputs > 1 && strip <= kMostShared * outputs * taps;
  strip_outputs_ = shared_ ? outputs : 1;
  row_bytes_ = (shared_ ? strip : taps) * pixel_bytes_;
}

const uint8_t* PaddedGatherer::Gather(const Dims& at, int64_t count) {
  const uint8_t* strip = next_;
  const auto origin = [&](size_t i) { return at[i] * g_.stride[i] - g_.padding[i]; };
  const int64_t taps = g_.kernel[2], step = shared_ ? 1 : g_.dilation[2];
  const int64_t pixels =
      shared_ ? (count - 1) * g_.stride[2] + (taps - 1) * g_.dilation[2] + 1 : taps;
  for (int64_t i = 0; i < g_.kernel[0]; ++i) {
    for (int64_t j = 0; j < g_.kernel[1]; ++j, next_ += row_bytes_) {
      RowCopy copy = MakeRowCopy(layer_, group_, image_, origin(0) + i * g_.dilation[0],
                                 origin(1) + j * g_.dilation[1]);
      copy.pitch = pixel_bytes_;
      copy(origin(2), step, pixels, next_);
    }
  }
  return strip;
}

}  // namespace qconv::pack
