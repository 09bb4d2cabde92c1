#include "pack/spread_layout.h"

#include <algorithm>
#include <numeric>

#include "pack/integers.h"
#include "pack/lane_feed.h"

namespace qconv::pack {
namespace {

using kernels::SpreadForm;

// Of all outputs that share positions.
int64_t KernelRows(const Geometry& g, const SpreadLayout& s) {
  return g.kernel[1] + (s.output_rows - 1) * s.row_taps;
}
int64_t KernelColumns(const Geometry& g, const SpreadLayout& s) {
  return g.kernel[2] + (s.output_columns - 1) * s.column_taps;
}

// What follows from form, quads and sharing: steps, and where the taps of a quad lie.
void Complete(const Geometry& g, SpreadLayout& s) {
  const Dims grid = SpreadGrid(g, s);
  s.steps[0] = MakeSpreadSteps(g.stride[0], 1, grid[0], g.dilation[0]);
  s.steps[1] = MakeSpreadSteps(s.output_rows * s.row_step * g.stride[1], s.output_rows, grid[1],
                               s.quad_h * g.dilation[1]);
  s.steps[2] = MakeSpreadSteps(s.output_columns * s.column_step * g.stride[2], s.output_columns,
                               grid[2], s.quad_w * g.dilation[2]);
  const int64_t rows = std::min(s.quad_h, KernelRows(g, s));
  const int64_t columns = std::min(s.quad_w, KernelColumns(g, s));
  for (int64_t i = 0; i < kernels::kDepthGroup; ++i) {
    s.tap_h[i] = std::min(i / s.quad_w, rows - 1) * g.dilation[1];
    s.tap_w[i] = std::min(i % s.quad_w, columns - 1) * g.dilation[2];
  }
}

// Whether a row has pixels enough that share positions: every so many only, with a dilation. (64
// channels, rows of 500, dilation 64: 5 and 7 taps 0.6 times as fast. 31 taps, rows of 2000: 4.6.)
bool RowsAreLong(const Geometry& g) {
  return g.dilation[2] == 1 || (g.kernel[1] == 1 && g.dilation[2] <= 2 * g.kernel[2]);
}

// What a dot product takes whose input is loaded for several outputs, of one whose input is loaded
// for it alone; and what it takes to keep their sums, in such dot products. (27x27, 14x14: 1.4
// times as fast; 5x5x5 1.3; 11x11 1.17; 7x7 1.06; 4x4 0.9, 11x1 0.9.)
constexpr double kTogetherDot = 0.7, kTogetherSum = 3;

bool GainsTogether(const Geometry& g, const SpreadLayout& s) {
  const Dims grid = SpreadGrid(g, s);
  const auto dots = static_cast<double>(grid[0] * grid[1] * grid[2]);
  const bool has_kernel = s.Sharing() == 2 || s.Sharing() == 4;  // three hardly ever cost least
  return has_kernel && kTogetherDot * dots + kTogetherSum < dots;
}

// What a block of a good size costs, in dot products per vector. (Where the kernel is one row,
// there may be no other rows to share with.)
double Cost(const Geometry& g, const SpreadLayout& s, const kernels::KernelTable& table) {
  struct Size {
    int64_t height, width;
  };
  const Size size = g.kernel[1] == 1 ? Size{1, 128} : Size{12, 16};
  // A tile of pixels that lie apart touches as many cache lines for fewer outputs, and where panels
  // are less than a line, each of them does. (512 channels, 3, 7, 15 and 31 taps, dilation 2 to 64;
  // how many times as fast they are if they share: AVX-512 VNNI 0.7 to 1.1, 1.1 to 1.5, 1.1 to 2.6,
  // 1.2 to 5.8; AVX-VNNI 31 taps 0.95 to 3.4, fewer 0.4 to 1.9.)
  const int64_t near = 4, apart = table.lanes == 16 ? 12 : 35;
  const Dims grid = SpreadGrid(g, s);
  const int64_t positions = MakeSpreadAxis(s.steps[1], size.height).positions() *
                            MakeSpreadAxis(s.steps[2], size.width).positions() * g.kernel[0];
  const auto dots = static_cast<double>(grid[0] * grid[1] * grid[2]);
  return static_cast<double>((s.column_step > 1 ? apart : near) * positions) +
         static_cast<double>(size.height * size.width) *
             (s.together ? kTogetherDot * dots + kTogetherSum : dots);
}

}  // namespace

SpreadLayout MakeSpreadLayout(const Geometry& g, const kernels::KernelTable& table) {
  SpreadLayout spread;
  if (g.GroupInputs() > 1) {
    spread.form = SpreadForm::kChannels;
    spread.quad_h = spread.quad_w = 1;
    spread.depth_groups = CeilDiv(g.GroupInputs(), kernels::kDepthGroup);
    Complete(g, spread);
    return spread;
  }
  spread.form = g.GroupOutputs() == 1 ? SpreadForm::kTaps : SpreadForm::kShuffledTaps;
  spread.depth_groups = 1;
  double least = 0;
  const auto consider = [&](SpreadLayout candidate) {
    Complete(g, candidate);
    const double cost = Cost(g, candidate, table);
    if (least == 0 || cost < least) {
      least = cost;
      spread = candidate;
    }
  };
  const SpreadLayout base = spread;
  for (const int64_t quad_h : {4, 2, 1}) {
    SpreadLayout candidate = base;
    candidate.quad_h = quad_h;
    candidate.quad_w = kernels::kDepthGroup / quad_h;
    consider(candidate);
    for (int64_t sharing = 2; sharing <= kernels::kMaxSharing; ++sharing) {
      SpreadLayout shared = candidate;
      if (quad_h == 4 && g.stride[1] == 1) {
        shared.output_rows = sharing;
        shared.row_step = g.dilation[1];
        // With a dilation few rows share, too: no quads for them. (7x7, dilation 24, 33x33: 0.4.)
        const bool more_quads = SpreadGrid(g, shared) != SpreadGrid(g, candidate);
        if (g.dilation[1] > 1 && more_quads) continue;
      } else if (quad_h == 1 && std::min(g.stride[2], g.dilation[2]) == 1 && RowsAreLong(g) &&
                 sharing * g.stride[2] <= kernels::kDepthGroup) {
        shared.output_columns = sharing;
        shared.column_step = g.dilation[2];  // 1 where the stride is not
        shared.column_taps = g.stride[2];
      } else {
        continue;
      }
      shared.together = table.shares_lanes && GainsTogether(g, shared);
      consider(shared);
    }
  }
  return spread;
}

SpreadLayout MakeSlideLayout(const Geometry& g, const kernels::SlideForm& form) {
  SpreadLayout spread;
  spread.form = SpreadForm::kTaps;
  spread.quad_h = kernels::kDepthGroup;
  spread.quad_w = spread.depth_groups = 1;
  const int64_t common = std::gcd(g.stride[1], g.dilation[1]);
  spread.row_step = g.dilation[1] / common;
  spread.row_taps = g.stride[1] / common;
  const bool share = g.kernel[1] + spread.row_taps <= form.inputs[1];
  spread.output_rows = share ? kernels::kMaxSlideOutputs : 1;
  if (spread.output_rows == 1) spread.row_step = 1;
  Complete(g, spread);
  return spread;
}

Dims SpreadGrid(const Geometry& g, const SpreadLayout& s) {
  return {g.kernel[0], CeilDiv(KernelRows(g, s), s.quad_h), CeilDiv(KernelColumns(g, s), s.quad_w)};
}

}  // namespace qconv::pack
