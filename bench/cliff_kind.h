// CliffKind: layers of one kind, which should run about equally fast: a base layer, varied in one
// way at a time.
//
// Knows shapes, and nothing of how layers are timed. Read next: cliff_layers.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "common/layer.h"
#include "qconv/params.h"

namespace qconv::bench {

// The layers of a kind do about the same number of multiply-accumulates, whatever is odd about
// them: the output image is as large as that takes, and the input image follows from it (larger
// with a stride). So what differs in GMAC/s is the oddness, not the size of the layer.
//
// Padding that is not given is that of "same": one less than the kernel's extent in all, the odd
// one behind. There is none where the output is not at least twice as large as that extent, as taps
// in the padding count as work although nobody does it.
class CliffKind {
 public:
  struct ImageShape {
    int64_t channels;  // in and out
    Spatial image;
  };

  // `macs`: of each layer, about. Layers are appended to `layers`; their `net` is the kind.
  CliffKind(std::string name, double macs, ConvParams base, std::vector<cases::Layer>& layers);

  // The base layer with something else about it. A layer that the kind has already is left out, so
  // families may overlap.
  void Add(const std::string& variation, const ConvParams& params);

  void Kernels(std::initializer_list<Spatial> kernels);
  void Inputs(std::initializer_list<int64_t> channels);   // without groups
  void Outputs(std::initializer_list<int64_t> channels);  // without groups
  void Groups(std::initializer_list<int64_t> counts);     // of the base layer's channels
  // Strides and dilations up to 3, alone, together, and in one dimension only.
  void Steps();
  // No padding, padding on one side only, and so wide that the outermost windows see nothing else.
  void Pads();
  // Images of given sizes, with "same" padding: few pixels of many channels, many of few, not
  // square.
  void Images(std::initializer_list<ImageShape> shapes);

 private:
  void Append(const std::string& variation, const ConvParams& params, const Image& image);

  std::string name_;
  double macs_;
  ConvParams base_;
  std::vector<cases::Layer>& layers_;
};

// Groups of `in` to `out` channels, `count` of them.
ConvParams Grouped(int64_t count, int64_t in, int64_t out, const Spatial& kernel);

// `multiplier` outputs for every channel, of it alone.
inline ConvParams Depthwise(int64_t channels, const Spatial& kernel, int64_t multiplier = 1) {
  return Grouped(channels, 1, multiplier, kernel);
}

inline ConvParams Dense(int64_t in, int64_t out, const Spatial& kernel) {
  return Grouped(1, in, out, kernel);
}

}  // namespace qconv::bench
