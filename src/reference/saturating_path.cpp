#include "reference/saturating_path.h"

#include <algorithm>

namespace qconv {
namespace reference {
namespace {

bool AllEqual(const Spatial& spatial, int64_t value) {
  return std::all_of(spatial.begin(), spatial.end(), [=](int64_t x) { return x == value; });
}

bool IsDepthwise(const ConvParams& params) {
  const int rank = params.kernel.rank();
  if (params.groups != params.in_channels || params.groups % 8 != 0) return false;
  if (params.out_channels != params.groups && params.out_channels != 2 * params.groups) {
    return false;
  }
  if (rank < 2 || params.kernel[rank - 2] != params.kernel[rank - 1]) return false;
  if (!AllEqual(params.stride, 1) && !AllEqual(params.stride, 2)) return false;
  for (int i = 0; i < rank; ++i) {
    const int64_t k = params.kernel[i];
    if (k != 3 && k != 5 && k != 7) return false;
    if (params.padding[i] != (k - 1) / 2 || params.padding_end[i] != (k - 1) / 2) return false;
  }
  return AllEqual(params.dilation, 1);
}

bool IsGroupwise(const ConvParams& params) {
  const int rank = params.kernel.rank();
  const int64_t depth = params.in_channels / params.groups;
  if (rank < 2 || params.in_channels != params.out_channels) return false;
  if (depth != 2 && depth != 4 && depth != 8 && depth != 16) return false;
  if (params.groups < 8 / depth) return false;  // as many share a vector
  const int64_t h = params.stride[rank - 2], w = params.stride[rank - 1];
  if (h != w || (h != 1 && h != 2)) return false;  // any in the depth
  return AllEqual(params.kernel, 3) && AllEqual(params.padding, 1) &&
         AllEqual(params.padding_end, 1) && AllEqual(params.dilation, 1);
}

}  // namespace

SaturatingPath ChooseSaturatingPath(const ConvParams& params) {
  if (IsDepthwise(params)) return SaturatingPath::kDepthwise;
  if (IsGroupwise(params)) return SaturatingPath::kGroupwise;
  return SaturatingPath::kGemm;
}

}  // namespace reference

const char* SaturatingPathName(SaturatingPath path) {
  switch (path) {
    case SaturatingPath::kGroupwise:
      return "groupwise";
    case SaturatingPath::kDepthwise:
      return "depthwise";
    case SaturatingPath::kGemm:
      break;
  }
  return "gemm";
}

}  // namespace qconv
