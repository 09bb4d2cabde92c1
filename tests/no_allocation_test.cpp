// Run allocates nothing. Replaces the malloc family of glibc with one that counts (operator new
// ends there too); so this test is not built with sanitizers, which replace it themselves.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "testing.h"
#include "transform_model.h"
#include "transformed_layers.h"

namespace {
std::atomic<int> allocations = 0;
}  // namespace

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  ++allocations;
  return __libc_realloc(block, size);
}
void* memalign(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  *block = memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}
}

namespace qconv {
namespace {

// Keeps the compiler from leaving out an allocation that nobody uses.
void Use(void* block) { asm volatile("" : : "r"(block) : "memory"); }

TEST(AllocationCounterTest, CountsEveryKind) {
  struct alignas(128) Wide {
    char bytes[128];
  };
  const int before = allocations;
  const auto plain = std::make_unique<int>(1);
  Use(plain.get());
  EXPECT_EQ(allocations, before + 1);
  const auto wide = std::make_unique<Wide>();
  Use(wide.get());
  EXPECT_EQ(allocations, before + 2);
  const std::unique_ptr<void, decltype(&std::free)> c(std::malloc(10), &std::free);
  Use(c.get());
  EXPECT_EQ(allocations, before + 3);
}

const ConvParams kLayers[] = {
    {.in_channels = 64, .out_channels = 96, .kernel = {1, 1}},
    {.in_channels = 17, .out_channels = 33, .kernel = {3, 3}, .padding = {1, 1}},
    {.in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
    {.in_channels = 3, .out_channels = 64, .kernel = {7, 7}, .stride = {2, 2}, .padding = {3, 3}},
    {.in_channels = 36, .out_channels = 36, .groups = 36, .kernel = {3, 3}, .padding = {1, 1}},
    // Spread windows take four times what the windows do, or eight.
    {.in_channels = 64, .out_channels = 64, .groups = 64, .kernel = {31, 31}, .padding = {15, 15}},
    {.in_channels = 64, .out_channels = 64, .groups = 64, .kernel = {23, 23}, .padding = {11, 11}},
    {.in_channels = 16, .out_channels = 16, .groups = 16, .kernel = {42, 42}, .padding = {40, 40}},
    {.in_channels = 1024, .out_channels = 64, .groups = 8, .kernel = {3, 3}, .padding = {1, 1}},
    {.in_channels = 1024, .out_channels = 16, .groups = 2, .kernel = {1, 1}},
    // A window that just fits the scratch.
    {.in_channels = 7001, .out_channels = 2, .kernel = {3, 3}, .padding = {1, 1}},
    // Several pixels at once; and windows of one pixel that fit, where those of two do not, the
    // last one for how it is gathered.
    {.in_channels = 64, .out_channels = 3, .kernel = {3, 3}, .padding = {1, 1}},
    {.in_channels = 6001, .out_channels = 3, .kernel = {3, 3}, .padding = {1, 1}},
    {.in_channels = 2427, .out_channels = 3, .kernel = {9, 2}, .padding = {4, 1}},
};

// Of one Run.
int AllocationsOf(const Conv& conv, const Image& image, std::span<const uint8_t> input,
                  std::span<uint8_t> output, const Executor& executor) {
  const int before = allocations;
  conv.Run(image, input, output, executor);
  return allocations - before;
}

class NoAllocationTest : public ::testing::TestWithParam<std::string> {};

TEST_P(NoAllocationTest, FirstRunAndEveryOther) {
  for (const ConvParams& params : kLayers) {
    for (const bool weight_zero_points : {false, true}) {
      cases::Case small = cases::MakeCase(test::MakeLayer(params, {.size = {6, 5}}),
                                          cases::Weights::kLaplace, /*seed=*/1);
      if (weight_zero_points) test::SetWeightZeroPoints(small);
      const Conv conv = test::PrepackFor(small, GetParam());
      SCOPED_TRACE(test::Text(small));
      // Images that grow: memory kept from a smaller one is not enough.
      for (const Image& image : {Image{.size = {6, 5}}, Image{.batch = 2, .size = {9, 13}}}) {
        const std::vector<uint8_t> input(static_cast<size_t>(conv.InputBytes(image)), 3);
        std::vector<uint8_t> output(static_cast<size_t>(conv.OutputBytes(image)));
        EXPECT_EQ(AllocationsOf(conv, image, input, output, Executor::Serial()), 0);
      }
    }
  }
}

// Windows of one pixel that fit the scratch for narrow panels only.
TEST_P(NoAllocationTest, LongRows) {
  for (const int64_t channels : {32, 64}) {
    for (const int64_t taps : {300, 700, 900, 964, 1400, 1840, 1900}) {
      for (const bool weight_zero_points : {false, true}) {
        cases::Case c = cases::MakeCase(test::MakeLayer({.in_channels = channels,
                                                         .out_channels = channels,
                                                         .groups = channels,
                                                         .kernel = {taps},
                                                         .padding = {taps / 2}},
                                                        {.size = {64}}),
                                        cases::Weights::kLaplace, /*seed=*/1);
        if (weight_zero_points) test::SetWeightZeroPoints(c);
        const Conv conv = test::PrepackFor(c, GetParam());
        SCOPED_TRACE(test::Text(c));
        std::vector<uint8_t> output(static_cast<size_t>(c.layer.OutputBytes()));
        EXPECT_EQ(AllocationsOf(conv, c.layer.image, c.input, output, Executor::Serial()), 0);
      }
    }
  }
}

// Windows of one pixel that do not fit it: the exception in README.md.
TEST_P(NoAllocationTest, LargeWindowsTakeOne) {
  const ConvParams dense = {.in_channels = 7401, .out_channels = 2, .kernel = {3, 3}},
                   depthwise = {
                       .in_channels = 16, .out_channels = 16, .groups = 16, .kernel = {200, 200}};
  for (ConvParams params : {dense, depthwise}) {
    params.padding = {2, 2};
    const cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = params.kernel}),
                                          cases::Weights::kLaplace, /*seed=*/1);
    const Conv conv = test::PrepackFor(c, GetParam());
    SCOPED_TRACE(test::Text(c));
    std::vector<uint8_t> output(static_cast<size_t>(c.layer.OutputBytes()));
    EXPECT_EQ(AllocationsOf(conv, c.layer.image, c.input, output, Executor::Serial()), 1);
    EXPECT_EQ(test::Difference(c.Run(c.Prepack("scalar")), output), "");
  }
}

// In one task and in several.
void ExpectNoAllocation(const Conv& conv, const cases::Case& c) {
  std::vector<uint8_t> output(static_cast<size_t>(c.layer.OutputBytes()));
  const test::InTurn in_turn(4);
  for (const Executor* executor : {&Executor::Serial(), static_cast<const Executor*>(&in_turn)}) {
    EXPECT_EQ(AllocationsOf(conv, c.layer.image, c.input, output, *executor), 0);
  }
}

TEST_P(NoAllocationTest, HoldingTheInputToAMaximum) {
  const cases::Case declared = cases::MakeCase(
      test::MakeLayer({.in_channels = 64, .out_channels = 4, .kernel = {1, 1}}, {.size = {70, 70}}),
      cases::Weights::kLaplace, /*seed=*/1, /*input_maximum=*/127);
  ExpectNoAllocation(test::PrepackFor(declared, GetParam()), declared);
}

// Images that Winograd kernels are taken for, where there are any.
TEST_P(NoAllocationTest, Winograd) {
  for (const ConvParams& params :
       {ConvParams{.in_channels = 64, .out_channels = 96, .kernel = {3, 3}, .padding = {1, 1}},
        ConvParams{.in_channels = 128, .out_channels = 128, .groups = 2, .kernel = {3, 3}},
        ConvParams{.in_channels = 40, .out_channels = 40, .groups = 5, .kernel = {3, 3}}}) {
    const cases::Case c = cases::MakeCase(test::MakeLayer(params, {.size = {34, 30}}),
                                          cases::Weights::kUniform, /*seed=*/1);
    SCOPED_TRACE(test::Text(c));
    const auto [input_size, output_size] = test::SizesOf(c);
    const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
    ASSERT_EQ(PrefersTransformed(test::Pack(c, GetParam()), /*batch=*/1, input_size, output_size),
              table.transforms[kernels::kWinograd] != nullptr &&
                  (params.groups < 5 || !pack::HasDotProduct(table)));
    ExpectNoAllocation(test::PrepackFor(c, GetParam()), c);
  }
}

// Images that Strassen's kernels are taken for, where there are any.
TEST_P(NoAllocationTest, Strassen) {
  const cases::Case c = cases::MakeCase(
      test::MakeLayer({.in_channels = 256, .out_channels = 260, .kernel = {1, 1}, .stride = {2, 1}},
                      {.size = {34, 30}}),
      cases::Weights::kUniform, /*seed=*/1);
  const auto [input_size, output_size] = test::SizesOf(c);
  const kernels::KernelTable& table = dispatch::SelectKernels(GetParam());
  ASSERT_EQ(PrefersTransformed(test::Pack(c, GetParam()), /*batch=*/1, input_size, output_size),
            table.transforms[kernels::kStrassen] != nullptr);
  ExpectNoAllocation(test::PrepackFor(c, GetParam()), c);
}

INSTANTIATE_TEST_SUITE_P(Isa, NoAllocationTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
