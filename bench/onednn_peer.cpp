#include "onednn_peer.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onednn_library.h"

namespace qconv::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

memory::dims Dims(const Spatial& spatial) { return {spatial.begin(), spatial.end()}; }

// A parameter of the layer that may be left out.
memory::dims Dims(const Spatial& given, int rank, int64_t otherwise) {
  return Dims(given.empty() ? Spatial::Filled(rank, otherwise) : given);
}

memory::dims ActivationDims(const Image& image, int64_t channels) {
  memory::dims dims{image.batch, channels};
  for (const int64_t size : image.size) dims.push_back(size);
  return dims;
}

memory::dims WeightDims(const ConvParams& p) {
  memory::dims dims{p.out_channels / p.groups, p.in_channels / p.groups};
  if (p.groups > 1) dims.insert(dims.begin(), p.groups);
  for (const int64_t size : p.kernel) dims.push_back(size);
  return dims;
}

Tag ChannelsLast(int rank) { return rank == 1 ? Tag::nwc : rank == 2 ? Tag::nhwc : Tag::ndhwc; }

Tag PlainWeights(int rank, bool grouped) {
  if (grouped) return rank == 1 ? Tag::goiw : rank == 2 ? Tag::goihw : Tag::goidhw;
  return rank == 1 ? Tag::oiw : rank == 2 ? Tag::oihw : Tag::oidhw;
}

// [out][taps][in] -> [out][in][taps], as PlainWeights says.
std::vector<int8_t> TapsInnermost(const ConvParams& p, std::span<const int8_t> weights) {
  const int64_t in = p.in_channels / p.groups;
  int64_t taps = 1;
  for (const int64_t size : p.kernel) taps *= size;
  std::vector<int8_t> result(weights.size());
  for (int64_t o = 0; o < p.out_channels; ++o) {
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t i = 0; i < in; ++i) {
        result[(o * in + i) * taps + t] = weights[(o * taps + t) * in + i];
      }
    }
  }
  return result;
}

float WeightScale(const cases::Case& c, int64_t channel) {
  return c.weight_scales[c.weight_scales.size() == 1 ? 0 : channel];
}

// The activation as a post-op. oneDNN 2.x applies it to the result in units of the output scale,
// before it adds the zero point.
void AppendActivation(const cases::Case& c, dnnl::post_ops& ops) {
  const auto [lower, upper] = c.activation;
  if (std::isinf(lower) && std::isinf(upper)) return;
  if (lower == 0.0f && std::isinf(upper)) {
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    return;
  }
  const float scale = c.output_quantization.scale;
  const auto bound = [scale](float value) {
    return std::isinf(value) ? std::copysign(std::numeric_limits<float>::max(), value)
                             : value / scale;
  };
  ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_clip, bound(lower), bound(upper));
}

dnnl::primitive_attr Attributes(const cases::Case& c) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  std::vector<float> scales;
  scales.reserve(c.layer.params.out_channels);
  for (int64_t o = 0; o < c.layer.params.out_channels; ++o) {
    scales.push_back(c.input_quantization.scale * WeightScale(c, o) / c.output_quantization.scale);
  }
  constexpr int kPerChannel = 1 << 1;
  attr.set_output_scales(kPerChannel, scales);
  if (const int32_t zero = c.input_quantization.zero_point; zero != 0) {
    attr.set_zero_points(DNNL_ARG_SRC, 0, {zero});
  }
  if (const int32_t zero = c.output_quantization.zero_point; zero != 0) {
    attr.set_zero_points(DNNL_ARG_DST, 0, {zero});
  }
  dnnl::post_ops ops;
  AppendActivation(c, ops);
  attr.set_post_ops(ops);
  return attr;
}

dnnl::convolution_forward::primitive_desc Describe(const cases::Case& c,
                                                   const dnnl::engine& engine) {
  const ConvParams& p = c.layer.params;
  const int rank = p.kernel.rank();
  const memory::desc src(ActivationDims(c.layer.image, p.in_channels), Type::u8,
                         ChannelsLast(rank));
  const memory::desc dst(ActivationDims(c.layer.OutputImage(), p.out_channels), Type::u8,
                         ChannelsLast(rank));
  const memory::desc weights(WeightDims(p), Type::s8, Tag::any);
  const memory::desc bias =
      c.bias.empty() ? memory::desc() : memory::desc({p.out_channels}, Type::f32, Tag::x);
  memory::dims dilation = Dims(p.dilation, rank, 1);
  for (auto& d : dilation) d -= 1;  // oneDNN counts the holes
  const memory::dims padding = Dims(p.padding, rank, 0);
  const memory::dims padding_end = p.padding_end.empty() ? padding : Dims(p.padding_end);

  const dnnl::convolution_forward::desc desc(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weights, bias,
      dst, Dims(p.stride, rank, 1), dilation, padding, padding_end);
  return {desc, Attributes(c), engine};
}

class OneDnnLayer : public PeerLayer {
 public:
  OneDnnLayer(const cases::Case& c, std::span<const uint8_t> input, const dnnl::engine& engine,
              const dnnl::stream& stream)
      : stream_(stream), desc_(Describe(c, engine)), convolution_(desc_) {
    // oneDNN only reads its source, but a memory object takes a plain pointer.
    args_.emplace(DNNL_ARG_SRC,
                  memory(desc_.src_desc(), engine, const_cast<uint8_t*>(input.data())));
    args_.emplace(DNNL_ARG_DST, memory(desc_.dst_desc(), engine));
    args_.emplace(DNNL_ARG_SCRATCHPAD, memory(desc_.scratchpad_desc(), engine));
    args_.emplace(DNNL_ARG_WEIGHTS, Weights(c, engine));
    if (!c.bias.empty()) args_.emplace(DNNL_ARG_BIAS, Bias(c, engine));
  }

  void Run() override { convolution_.execute(stream_, args_); }

  std::span<const uint8_t> output() const override {
    const memory& dst = args_.at(DNNL_ARG_DST);
    return {static_cast<const uint8_t*>(dst.get_data_handle()), dst.get_desc().get_size()};
  }

  std::string Implementation() const override { return desc_.impl_info_str(); }

 private:
  memory Weights(const cases::Case& c, const dnnl::engine& engine) const {
    const ConvParams& p = c.layer.params;
    std::vector<int8_t> plain = TapsInnermost(p, c.weights);
    memory user({WeightDims(p), Type::s8, PlainWeights(p.kernel.rank(), p.groups > 1)}, engine,
                plain.data());
    memory packed(desc_.weights_desc(), engine);
    dnnl::stream stream = stream_;
    dnnl::reorder(user, packed).execute(stream, user, packed);
    stream.wait();
    return packed;
  }

  // oneDNN 2.x adds the bias to the accumulator, before the output scales.
  memory Bias(const cases::Case& c, const dnnl::engine& engine) const {
    memory bias(desc_.bias_desc(), engine);
    auto* const values = static_cast<float*>(bias.get_data_handle());
    for (size_t o = 0; o < c.bias.size(); ++o) {
      values[o] =
          c.bias[o] / (c.input_quantization.scale * WeightScale(c, static_cast<int64_t>(o)));
    }
    return bias;
  }

  dnnl::stream stream_;
  dnnl::convolution_forward::primitive_desc desc_;
  dnnl::convolution_forward convolution_;
  std::unordered_map<int, memory> args_;
};

class OneDnnPeer : public Peer {
 public:
  explicit OneDnnPeer(const PeerSettings& settings)
      : settings_(settings), engine_(Engine(settings)), stream_(engine_) {}

  std::string Describe() const override {
    const dnnl::version_t* version = dnnl::version();
    return fmt::format("oneDNN {}.{}.{}, {} (--peer-isa {}), {} thread{}", version->major,
                       version->minor, version->patch, onednn::EffectiveIsa(),
                       settings_.any_isa ? "any" : "same", settings_.threads,
                       settings_.threads == 1 ? "" : "s");
  }

  std::unique_ptr<PeerLayer> Prepare(const cases::Case& numbers,
                                     std::span<const uint8_t> input) override {
    try {
      return std::make_unique<OneDnnLayer>(numbers, input, engine_, stream_);
    } catch (const dnnl::error& error) {
      throw std::runtime_error(fmt::format("oneDNN: {}", error.what()));
    }
  }

  void Rest() override {
    if (settings_.threads > 1) onednn::PauseThreads();
  }

 private:
  // The instructions and threads must be set before the first use of oneDNN.
  static dnnl::engine Engine(const PeerSettings& settings) {
    onednn::SetThreads(settings.threads);
    if (!settings.any_isa) onednn::HoldToIsa(settings.isa);
    return {dnnl::engine::kind::cpu, 0};
  }

  PeerSettings settings_;
  dnnl::engine engine_;
  dnnl::stream stream_;
};

}  // namespace

std::unique_ptr<Peer> MakeOneDnnPeer(const PeerSettings& settings) {
  return std::make_unique<OneDnnPeer>(settings);
}

}  // namespace qconv::bench
