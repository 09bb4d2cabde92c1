// How sliding layers are laid out: which layers slide and in which form, which output rows share
// their input, and where kernels are told to find it.
#include "pack/slide.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "dispatch/registry.h"
#include "lane_layers.h"
#include "layer.h"
#include "pack/spread_layout.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::kDepthGroup;
using kernels::KernelTable;
using kernels::SlideForm;
using pack::Dims;
using pack::Geometry;

ConvParams Depthwise(const Spatial& kernel, const Spatial& stride, const Spatial& dilation) {
  return {.in_channels = 40,
          .out_channels = 40,
          .groups = 40,
          .kernel = kernel,
          .stride = stride,
          .dilation = dilation};
}

bool Has(const KernelTable& table, int form) {
  return std::any_of(table.shapes, table.shapes + table.shape_count,
                     [form](const auto& shape) { return shape.lanes.slides[form] != nullptr; });
}

constexpr int kNone = -1, k3Stride1 = 0, k3Stride2 = 1, k3Stride3 = 2, k5Stride1 = 3, k5Stride2 = 4,
              k5Stride3 = 5;

void ExpectForm(const ConvParams& params, int form) {
  const Geometry g = ValidateParams(params);
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    const int expected = form != kNone && Has(table, form) ? form : pack::kNoSlide;
    EXPECT_EQ(pack::ChooseSlideForm(g, table), expected) << isa;
  }
}

TEST(ChooseSlideForm, TakesTheColumnsThatAPixelNeeds) {
  const struct {
    Spatial kernel, stride, dilation;
    int form;
  } cases[] = {
      {{3, 3}, {1, 1}, {1, 1}, k3Stride1},
      {{3, 3}, {2, 2}, {1, 1}, k3Stride2},
      {{3, 3}, {1, 2}, {1, 1}, k3Stride2},
      {{3, 3}, {2, 1}, {1, 1}, k3Stride1},
      {{3, 3}, {3, 3}, {1, 1}, k3Stride3},
      {{3, 3}, {1, 3}, {1, 1}, k3Stride3},
      {{3, 3}, {4, 4}, {1, 1}, kNone},
      {{3, 3}, {3, 2}, {1, 1}, k3Stride2},
      {{3, 3}, {1, 1}, {2, 2}, k3Stride1},
      {{3, 3}, {2, 2}, {2, 2}, k3Stride1},
      {{3, 3}, {2, 2}, {3, 3}, k3Stride2},
      {{3, 3}, {3, 3}, {3, 3}, k3Stride1},
      {{3, 3}, {4, 4}, {2, 2}, k3Stride2},
      {{3, 3}, {3, 3}, {2, 2}, k3Stride3},
      {{3, 3}, {6, 6}, {4, 4}, k3Stride3},
      {{3, 3}, {8, 8}, {2, 2}, kNone},
      {{3, 3}, {2, 2}, {2, 1}, k3Stride2},
      {{2, 3}, {1, 1}, {1, 1}, k3Stride1},
      {{4, 3}, {2, 2}, {1, 1}, kNone},
      {{1, 3}, {1, 1}, {1, 1}, kNone},
      {{3}, {1}, {1}, kNone},
      {{5, 3}, {1, 1}, {1, 1}, kNone},
      {{3, 1}, {1, 1}, {1, 1}, kNone},
      {{3, 2}, {1, 1}, {1, 1}, kNone},
      {{3, 4}, {1, 1}, {1, 1}, kNone},
      {{5, 5}, {1, 1}, {1, 1}, k5Stride1},
      {{5, 5}, {2, 2}, {1, 1}, k5Stride2},
      {{5, 5}, {2, 2}, {2, 2}, k5Stride1},
      {{5, 5}, {2, 1}, {1, 1}, k5Stride1},
      {{5, 5}, {1, 2}, {1, 1}, k5Stride2},
      {{6, 5}, {1, 1}, {1, 1}, kNone},
      {{8, 5}, {1, 1}, {1, 1}, kNone},
      {{4, 5}, {1, 1}, {1, 1}, kNone},
      {{3, 5}, {1, 1}, {1, 1}, kNone},
      {{5, 5}, {3, 3}, {1, 1}, k5Stride3},
      {{5, 5}, {1, 3}, {2, 2}, k5Stride3},
      {{5, 5}, {4, 4}, {1, 1}, kNone},
      {{7, 7}, {1, 1}, {1, 1}, kNone},
      {{1, 3, 3}, {2, 1, 1}, {1, 1, 1}, k3Stride1},
      {{2, 3, 3}, {1, 1, 1}, {1, 1, 1}, kNone},
      {{3, 3, 3}, {1, 1, 1}, {1, 1, 1}, kNone},
      {{1, 5, 5}, {1, 2, 2}, {1, 1, 1}, k5Stride2},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << "case " << &c - cases);
    ExpectForm(Depthwise(c.kernel, c.stride, c.dilation), c.form);
  }
}

TEST(ChooseSlideForm, TakesOneChannelPerGroupOnly) {
  ConvParams params = Depthwise({3, 3}, {1, 1}, {1, 1});
  ExpectForm(params, k3Stride1);
  params.out_channels = 80;
  ExpectForm(params, kNone);
  params.groups = 20;
  ExpectForm(params, kNone);
  params.out_channels = 40;
  ExpectForm(params, kNone);
  params.groups = 1;
  ExpectForm(params, kNone);
}

TEST(SlideKernels, AreThereUpToANumberOfVectors) {
  for (const std::string& isa : test::UsableIsas()) {
    const KernelTable& table = dispatch::SelectKernels(isa);
    for (int form = 0; form < kernels::kSlideFormCount; ++form) {
      const int64_t most = pack::MostSlideVectors(table, form);
      EXPECT_EQ(most > 0, Has(table, form));
      for (int i = 0; i < table.shape_count; ++i) {
        const kernels::PanelShape& shape = table.shapes[i];
        const kernels::SlideKernel slide = shape.lanes.slides[form];
        const bool has = shape.lanes.multiply != nullptr && shape.vectors <= most;
        EXPECT_EQ(slide != nullptr, has) << isa << ", form " << form << ", shape " << i;
      }
    }
  }
}

// Output row y + rows apart reads, with its tap t, the input row of tap t + taps of output row y.
void CheckLayout(int64_t kernel_rows, int64_t stride, int64_t dilation, int form) {
  SCOPED_TRACE(testing::Message() << kernel_rows << " kernel rows, stride " << stride
                                  << ", dilation " << dilation);
  const SlideForm& f = kernels::kSlideForms[form];
  const Geometry g = ValidateParams(Depthwise({kernel_rows, f.taps}, {stride, 1}, {dilation, 1}));
  const pack::SpreadLayout spread = pack::MakeSlideLayout(g, f);
  int64_t apart = 1;
  while (apart * stride % dilation != 0) ++apart;
  const int64_t taps = apart * stride / dilation;
  const bool share = kernel_rows + taps <= f.inputs[1];
  EXPECT_EQ(spread.output_rows, share ? 2 : 1);
  EXPECT_EQ(spread.row_step, share ? apart : 1);
  if (share) {
    EXPECT_EQ(spread.row_taps, taps);
  }
  EXPECT_EQ(spread.form, kernels::SpreadForm::kTaps);
  EXPECT_EQ(spread.quad_h, kDepthGroup);
  EXPECT_EQ(spread.quad_w, 1);
  EXPECT_EQ(spread.depth_groups, 1);
  EXPECT_EQ(pack::SpreadGrid(g, spread), (Dims{1, f.quads, f.taps}));
}

TEST(SlideLayout, SharesInputOfTwoRowsWhereTheFormReadsIt) {
  for (int form = 0; form < kernels::kSlideFormCount; ++form) {
    const SlideForm& f = kernels::kSlideForms[form];
    const int64_t least = std::max((f.quads - 1) * kDepthGroup + 1, 2);
    for (int64_t rows = least; rows <= f.inputs[0]; ++rows) {
      for (int64_t stride = 1; stride <= 6; ++stride) {
        for (int64_t dilation = 1; dilation <= 6; ++dilation) {
          CheckLayout(rows, stride, dilation, form);
        }
      }
    }
  }
}

pack::PackedLayer Pack(const ConvParams& params, const Image& image, const std::string& isa) {
  const cases::Case c =
      cases::MakeCase(test::MakeLayer(params, image), cases::Weights::kUniform, /*seed=*/1);
  return BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = isa});
}

// Kernels read as many bytes as the widest panel has columns, of a row of the image at least; with
// a dilation, it should be half as wide again.
void CheckWidths(int64_t dilation) {
  for (const std::string& isa : test::UsableIsas()) {
    for (const int64_t channels : {2, 3, 8, 15, 16, 17, 24, 33, 64, 70}) {
      ConvParams params = Depthwise({3, 3}, {1, 1}, {1, dilation});
      params.in_channels = params.out_channels = params.groups = channels;
      params.padding = {1, dilation};
      const pack::PackedLayer layer = Pack(params, {.size = {4, 4}}, isa);
      ASSERT_EQ(layer.slide_form, pack::ChooseSlideForm(layer.geometry, *layer.kernels));
      int widest = 0;
      for (const pack::Panel& panel : layer.panels) {
        widest = std::max(widest, layer.kernels->shapes[panel.shape].columns);
      }
      for (int64_t width = 1; width <= 40; ++width) {
        const bool slides = layer.slide_form != pack::kNoSlide && width * channels >= widest &&
                            width > 1 && (dilation == 1 || 2 * width >= 3 * dilation);
        const pack::Dims size = {1, 4, width};
        EXPECT_EQ(pack::Slides(layer, size, size), slides) << isa << ", width " << width;
        const ImagePlan plan(layer, 1, size, size, /*threads=*/1);
        EXPECT_EQ(plan.in_place(), slides);
        EXPECT_FALSE(pack::Slides(layer, size, {1, 4, 1})) << isa << ", width " << width;
      }
    }
  }
}

TEST(Slides, TakesImagesThatAreWideEnough) {
  CheckWidths(/*dilation=*/1);
  CheckWidths(/*dilation=*/6);
}

}  // namespace
}  // namespace qconv
