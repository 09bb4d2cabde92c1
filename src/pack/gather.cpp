#include "pack/gather.h"

#include <algorithm>
#include <cstring>

#include "pack/integers.h"

namespace qconv::pack {
namespace {

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
    const int64_t before = StepsBefore(0, x, step, count);
    const int64_t end = StepsBefore(width, x, step, count);
    if (before > 0) Fill(out, before);
    if (end > before) Copy(x + before * step, step, end - before, out + before * pitch);
    if (end < count) Fill(out + end * pitch, count - end);
  }

 private:
  void Fill(uint8_t* out, int64_t pixels) const {
    std::memset(out, zero_point, static_cast<size_t>(pixels * pitch));
  }

  // Pixels are short: a call of memcpy for each takes longer than the copying, so they go in pieces
  // of a fixed size. (25 channels, 3x3, dilation 2: 10 % less time.)
  void Copy(int64_t x, int64_t step, int64_t pixels, uint8_t* out) const {
    if (step == 1 && pitch == row_channels) {
      const int64_t bytes = (pixels - 1) * pitch + channels;
      std::memcpy(out, row + x * row_channels, static_cast<size_t>(bytes));
      return;
    }
    for (; pixels > 0; --pixels, x += step, out += pitch) {
      const uint8_t* pixel = row + x * row_channels;
      if (pitch == kernels::kDepthGroup && row_bytes - x * row_channels >= pitch) {
        std::memcpy(out, pixel, kernels::kDepthGroup);  // what is too much has no weights
      } else if (channels >= 16) {
        CopyPieces<16>(pixel, out);
      } else if (channels >= 8) {
        CopyPieces<8>(pixel, out);
      } else if (channels >= 4) {
        CopyPieces<4>(pixel, out);
      } else {
        CopyPieces<1>(pixel, out);
      }
    }
  }

  // The last piece begins early enough to end with the pixel.
  template <int64_t size>
  void CopyPieces(const uint8_t* pixel, uint8_t* out) const {
    for (int64_t i = 0; i < channels; i += size) {
      const int64_t begin = std::min(i, channels - size);
      std::memcpy(out + begin, pixel + begin, size);
    }
  }
};

RowCopy MakeRowCopy(const PackedLayer& layer, int64_t first_channel, int64_t channels,
                    const ImageView& image, int64_t z, int64_t y) {
  const Dims& size = image.input_size;
  const int64_t all = layer.geometry.in_channels;
  const bool inside = z >= 0 && z < size[0] && y >= 0 && y < size[1];
  return {.row = inside ? image.input + (z * size[1] + y) * size[2] * all + first_channel : nullptr,
          .width = size[2],
          .row_channels = all,
          .channels = channels,
          .pitch = channels,
          .row_bytes = size[2] * all - first_channel,
          .zero_point = layer.input_zero_point};
}

}  // namespace

Dims PaddedSize(const Geometry& g, const Dims& output_size) {
  Dims size;
  for (size_t i = 0; i < 3; ++i) {
    size[i] = (output_size[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1;
  }
  return size;
}

int64_t PaddedChannels(const PackedLayer& layer) {
  constexpr int64_t kCacheLine = 64, kFewestGroups = 4;
  const auto groups = static_cast<int64_t>(layer.groups.size());
  const int64_t channels = layer.groups[0].in_channels, all = layer.geometry.in_channels;
  const bool evenly =
      kCacheLine % channels == 0 && all % kCacheLine == 0 && groups * channels == all;
  return evenly && kCacheLine / channels >= kFewestGroups ? kCacheLine : channels;
}

ImageView PadImage(const PackedLayer& layer, const ChannelGroup& group, const ImageView& image,
                   std::byte* scratch) {
  const Dims& padding = layer.geometry.padding;
  const int64_t channels = PaddedChannels(layer);
  const bool shared = channels > group.in_channels;
  ImageView padded = image;
  padded.input_size = PaddedSize(layer.geometry, image.output_size);
  padded.input = reinterpret_cast<const uint8_t*>(scratch);
  padded.channels = channels;
  padded.first_channel = shared ? group.in_begin / channels * channels : group.in_begin;
  padded.padding = {};
  auto* out = reinterpret_cast<uint8_t*>(scratch);
  const Dims& size = padded.input_size;
  for (int64_t z = 0; z < size[0]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y, out += size[2] * channels) {
      MakeRowCopy(layer, padded.first_channel, channels, image, z - padding[0], y - padding[1])(
          -padding[2], 1, size[2], out);
    }
  }
  return padded;
}

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
  row_bytes_ = RowBytes(g_, group, taps, strip_outputs_);
}

int64_t StripGatherer::RowBytes(const Geometry& g, const ChannelGroup& group, int64_t taps,
                                int64_t outputs) {
  const int64_t last = outputs == 1 ? taps : (taps - 1) * g.dilation[2] + 1;
  return RoundUp((outputs - 1) * g.stride[2] * group.in_channels +
                     RoundUp(last * group.in_channels, kernels::kDepthGroup),
                 kernels::kDepthGroup);
}

int64_t StripGatherer::WindowBytes(const Geometry& g, const ChannelGroup& group) {
  return g.kernel[0] * g.kernel[1] * RoundUp(g.kernel[2] * group.in_channels, kernels::kDepthGroup);
}

const uint8_t* StripGatherer::Gather(const Dims& at, int64_t count) {
  const auto position = [&](size_t dim, int64_t tap) {
    return at[dim] * g_.stride[dim] - g_.padding[dim] + tap * g_.dilation[dim];
  };
  const Segment& d = piece_.segment[0];
  const Segment& h = piece_.segment[1];
  uint8_t* strip = next_;
  int64_t first_row = h.tap_begin;
  // Below the strip before: there is one plane, and all but its last rows have been gathered.
  if (last_ != nullptr && at[1] == last_y_ + 1 && at[2] == last_x_) {
    strip = last_ + g_.stride[1] * row_bytes_;
    first_row = h.tap_end - g_.stride[1];
  }
  const int64_t taps = piece_.segment[2].taps();
  const int64_t pixels = strip_outputs_ > 1 ? InputPixels(g_, taps, count) : taps;
  for (int64_t i = d.tap_begin; i < d.tap_end; ++i) {
    for (int64_t j = first_row; j < h.tap_end; ++j) {
      GatherRow(position(0, i), position(1, j), position(2, piece_.segment[2].tap_begin), pixels);
    }
  }
  if (RowsShare(g_, piece_)) {
    last_ = strip;
    last_y_ = at[1];
    last_x_ = at[2];
  }
  return strip;
}

void StripGatherer::GatherRow(int64_t z, int64_t y, int64_t x, int64_t pixels) {
  const int64_t step = strip_outputs_ > 1 ? 1 : g_.dilation[2];
  MakeRowCopy(layer_, group_.in_begin, group_.in_channels, image_, z, y)(x, step, pixels, next_);
  const int64_t bytes = pixels * group_.in_channels;
  std::memset(next_ + bytes, 0, static_cast<size_t>(row_bytes_ - bytes));
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
  shared_ = WindowsShare(g_, outputs);
  strip_outputs_ = shared_ ? outputs : 1;
  row_bytes_ = (shared_ ? StripGatherer::InputPixels(g_, taps, outputs) : taps) * pixel_bytes_;
}

const uint8_t* PaddedGatherer::Gather(const Dims& at, int64_t count) {
  const uint8_t* strip = next_;
  const auto origin = [&](size_t i) { return at[i] * g_.stride[i] - g_.padding[i]; };
  const int64_t taps = g_.kernel[2], step = shared_ ? 1 : g_.dilation[2];
  const int64_t pixels = shared_ ? StripGatherer::InputPixels(g_, taps, count) : taps;
  for (int64_t i = 0; i < g_.kernel[0]; ++i) {
    for (int64_t j = 0; j < g_.kernel[1]; ++j, next_ += row_bytes_) {
      RowCopy copy = MakeRowCopy(layer_, group_.in_begin, group_.in_channels, image_,
                                 origin(0) + i * g_.dilation[0], origin(1) + j * g_.dilation[1]);
      copy.pitch = pixel_bytes_;
      copy(origin(2), step, pixels, next_);
    }
  }
  return strip;
}

}  // namespace qconv::pack
