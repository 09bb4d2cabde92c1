// Which of FBGEMM's kernels a layer would take on AVX2, and what saturates in them.
//
// Layer: reference. Read next: saturating_conv.cpp for what an input gives, saturation_report.cpp
// for what the worst input could give.
#pragma once

#include <cstdint>
#include <limits>

#include "qconv/params.h"
#include "qconv/saturation.h"

namespace qconv::reference {

inline constexpr int32_t kInt16Max = std::numeric_limits<int16_t>::max();
inline constexpr int32_t kInt16Min = std::numeric_limits<int16_t>::min();

// FBGEMM's own rules, in its order (ConvFastPath in its FbgemmConv.cc). Every Spatial of `params`
// must be filled in.
SaturatingPath ChooseSaturatingPath(const ConvParams& params);

// Whether the sum of the input under the kernel, which a weight zero point multiplies, is kept in
// int16 (with vpaddsw). In the other paths it is an int32.
constexpr bool HasShortRowSums(SaturatingPath path) { return path == SaturatingPath::kDepthwise; }

}  // namespace qconv::reference
