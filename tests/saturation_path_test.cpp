// Which of FBGEMM's kernels a layer takes: its rules, one condition after the other.
#include <gtest/gtest.h>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

SaturatingPath Path(const ConvParams& params) {
  cases::Case shaped = test::OnePixel({}, {});
  shaped.layer.params = params;
  shaped.weights.assign(static_cast<size_t>(shaped.layer.WeightCount()), 1);
  return shaped.Saturating().path();
}

TEST(SaturationPathTest, IsFbgemms) {
  using enum SaturatingPath;
  const ConvParams depthwise = {.in_channels = 16,
                                .out_channels = 16,
                                .groups = 16,
                                .kernel = {5, 5},
                                .stride = {2, 2},
                                .padding = {2, 2}};
  const ConvParams groupwise = {
      .in_channels = 16, .out_channels = 16, .groups = 4, .kernel = {3, 3}, .padding = {1, 1}};
  const auto path = [](ConvParams params, auto change) {
    change(params);
    return Path(params);
  };
  const auto depthwise_with = [&](auto change) { return path(depthwise, change); };
  const auto groupwise_with = [&](auto change) { return path(groupwise, change); };
  EXPECT_EQ(depthwise_with([](auto&) {}), kDepthwise);
  EXPECT_EQ(depthwise_with([](auto& p) { p.out_channels = 32; }), kDepthwise);
  EXPECT_EQ(depthwise_with([](auto& p) { p.out_channels = 48; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.in_channels = p.out_channels = p.groups = 12; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.stride = {2, 1}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.stride = {3, 3}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.padding_end = {2, 1}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.dilation = {1, 2}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.kernel = {5, 3}, p.padding = {2, 1}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.kernel = {9, 9}, p.padding = {4, 4}; }), kGemm);
  EXPECT_EQ(depthwise_with([](auto& p) { p.kernel = p.stride = p.padding = {1}; }), kGemm);
  const ConvParams depthwise_3d = {
      .in_channels = 8, .out_channels = 8, .groups = 8, .kernel = {3, 7, 7}, .padding = {1, 3, 3}};
  EXPECT_EQ(Path(depthwise_3d), kDepthwise);

  EXPECT_EQ(groupwise_with([](auto&) {}), kGroupwise);
  EXPECT_EQ(groupwise_with([](auto& p) { p.stride = {2, 2}; }), kGroupwise);
  EXPECT_EQ(groupwise_with([](auto& p) { p.stride = {1, 2}; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) { p.out_channels = 32; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) { p.padding = {1, 0}; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) { p.dilation = {2, 2}; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) { p.kernel = {5, 5}; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) { p.groups = 1; }), kGroupwise);  // one group of 16
  EXPECT_EQ(groupwise_with([](auto& p) { p.in_channels = p.out_channels = 4; }), kGemm);
  EXPECT_EQ(groupwise_with([](auto& p) {
              p.in_channels = p.out_channels = 4, p.groups = 2;  // of two groups of 2: too few
            }),
            kGemm);
  EXPECT_EQ(groupwise_with(
                [](auto& p) { p.kernel = {3, 3, 3}, p.padding = {1, 1, 1}, p.stride = {3, 2, 2}; }),
            kGroupwise);
  EXPECT_STREQ(SaturatingPathName(kGemm), "gemm");
  EXPECT_STREQ(SaturatingPathName(kGroupwise), "groupwise");
  EXPECT_STREQ(SaturatingPathName(kDepthwise), "depthwise");
}

}  // namespace
}  // namespace qconv
