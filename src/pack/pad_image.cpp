#include "pack/pad_image.h"

#include <algorithm>

#include "pack/row_copy.h"

namespace qconv::pack {

Dims PaddedSize(const Geometry& g, const Dims& output_size) {
  Dims size;
  for (size_t i = 0; i < 3; ++i) {
    size[i] = g.InputExtent(i, g.kernel[i], output_size[i]);
  }
  return size;
}

int64_t PaddedChannels(const PackedLayer& layer) {
  constexpr int64_t kCacheLine = 64, kFewestGroups = 4;
  const auto groups = static_cast<int64_t>(layer.groups.size());
  const int64_t channels = layer.groups[0].in_channels, all = layer.geometry.in_channels;
  const bool evenly = kCacheLine % channels == 0 && groups * channels == all;
  const int64_t shared = std::min(kCacheLine, all);
  return evenly && shared / channels >= kFewestGroups ? shared : channels;
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
  const int64_t valid = std::min(channels, layer.geometry.in_channels - padded.first_channel);
  auto* out = reinterpret_cast<uint8_t*>(scratch);
  const Dims& size = padded.input_size;
  const RowCopy copy(layer, padded.first_channel, valid, /*pitch=*/channels, image,
                     {.x = -padding[2], .step = 1, .count = size[2]});
  for (int64_t z = 0; z < size[0]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y, out += size[2] * channels) {
      copy(z - padding[0], y - padding[1], out);
    }
  }
  return padded;
}

}  // namespace qconv::pack
