// The bytes, and the saturation report, do not depend on how the caller has set up floating point
// on its threads, and the caller finds it as it was.
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <string>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr unsigned kStatusFlags = 0x3f;

struct Environment {
  const char* name;
  unsigned mxcsr;
};

// 0x1f80 masks all exceptions.
constexpr Environment kEnvironments[] = {
    {"round down", 0x1f80 | 0x2000},    {"round up", 0x1f80 | 0x4000},
    {"round to zero", 0x1f80 | 0x6000}, {"flush to zero", 0x1f80 | 0x8000 | 0x0040},
    {"all together", 0x1f80 | 0xe040},  {"exceptions trap", 0},
};

// Sets MXCSR for as long as it lives, and checks that nobody has changed it in the meantime.
class CallersEnvironment {
 public:
  explicit CallersEnvironment(unsigned mxcsr) : mxcsr_(mxcsr), saved_(_mm_getcsr()) {
    _mm_setcsr(mxcsr);
  }
  ~CallersEnvironment() {
    const unsigned left = _mm_getcsr();
    _mm_setcsr(saved_);
    EXPECT_EQ(left & ~kStatusFlags, mxcsr_);
  }
  CallersEnvironment(const CallersEnvironment&) = delete;
  CallersEnvironment& operator=(const CallersEnvironment&) = delete;

 private:
  unsigned mxcsr_;
  unsigned saved_;
};

// The pool of an engine whose threads have an environment of their own.
class OddPool : public Executor {
 public:
  explicit OddPool(unsigned mxcsr) : mxcsr_(mxcsr) {}
  int Concurrency() const override { return 4; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = 0; i < count; ++i) {
      const CallersEnvironment environment(mxcsr_);
      task(context, i);
    }
  }

 private:
  unsigned mxcsr_;
};

class FloatEnvironmentTest : public ::testing::TestWithParam<std::string> {
 protected:
  void ExpectSameBytes(const cases::Case& layer_case) const;
};

INSTANTIATE_TEST_SUITE_P(Isa, FloatEnvironmentTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

void FloatEnvironmentTest::ExpectSameBytes(const cases::Case& layer_case) const {
  SCOPED_TRACE(test::Text(layer_case));
  const std::vector<uint8_t> expected = test::RunReference(layer_case);
  const Conv plain = layer_case.Prepack(GetParam());
  const auto threads = Executor::Threads(2);
  for (const Environment& environment : kEnvironments) {
    SCOPED_TRACE(environment.name);
    std::vector<uint8_t> output(expected.size());
    const auto run = [&](const Conv& conv, const Executor& executor) {
      output.assign(expected.size(), 0);
      {
        const CallersEnvironment callers(environment.mxcsr);
        conv.Run(layer_case.layer.image, layer_case.input, output, executor);
      }
      EXPECT_EQ(test::Difference(expected, output), "");
    };
    run(plain, Executor::Serial());
    run(plain, Executor::Current());
    run(plain, *threads);
    EXPECT_EQ(test::Difference(expected, layer_case.Run(plain, OddPool(environment.mxcsr))), "");
    const Conv packed = [&] {
      const CallersEnvironment callers(environment.mxcsr);
      return layer_case.Prepack(GetParam());
    }();
    run(packed, Executor::Serial());
    EXPECT_EQ(packed.Saturation(), plain.Saturation());
  }
}

TEST_P(FloatEnvironmentTest, RandomLayers) {
  for (uint64_t seed = 1000; seed < 1024; ++seed) ExpectSameBytes(cases::RandomCase(seed));
}

// Run chooses how to compute these by what it would take (transform_model.h).
TEST_P(FloatEnvironmentTest, ChoiceByImage) {
  const ConvParams params{
      .in_channels = 64, .out_channels = 64, .kernel = {3, 3}, .padding = {1, 1}};
  for (const int64_t size : {3, 16}) {
    const cases::Layer layer = test::MakeLayer(params, {.batch = 1, .size = {size, size}});
    ExpectSameBytes(cases::MakeCase(layer, cases::Weights::kLaplace, /*seed=*/1, 255));
  }
}

// Rounding towards zero gives 0 instead of 1 for 3/4, up gives 1 instead of 0 for 1/4.
TEST_P(FloatEnvironmentTest, QuartersBetweenIntegers) {
  cases::Case row = test::PixelRow(256, 128);
  row.output_quantization = {.scale = 4.0f, .zero_point = 128};
  ExpectSameBytes(row);
}

// The product of the scales and the output scale are denormal, the multiplier is 1.
TEST_P(FloatEnvironmentTest, DenormalScales) {
  cases::Case row = test::PixelRow(41, 20);
  row.input_quantization.scale = 0x1p-70f;
  row.weight_scales = {0x1p-70f};
  row.output_quantization = {.scale = 0x1p-140f, .zero_point = 20};
  test::ExpectOutput(GetParam(), row, row.input);
  ExpectSameBytes(row);
}

}  // namespace
}  // namespace qconv
