#include "guarded_run.h"

#include <iostream>

#include "testing.h"

namespace qconv::test {
void CheckGuarded(const cases::Case& guarded_case, const std::vector<uint8_t>& expected,
                  const std::string& isa, Edge edge) {
  // For whoever looks for the last one before a crash.
  std::cerr << Text(guarded_case) << " on " << isa << std::endl;
  const Guarded<float> scales(guarded_case.weight_scales, edge);
  const Guarded<int32_t> zero_points(guarded_case.weight_zero_points, edge);
  const Guarded<int8_t> weights(guarded_case.weights, edge);
  const Guarded<float> bias(guarded_case.bias, edge);
  weights.Protect(PROT_READ);
  const Conv conv = Conv::Prepack(guarded_case.layer.params,
                                  {.input = guarded_case.input_quantization,
                                   .weight_scales = scales.span(),
                                   .weight_zero_points = zero_points.span(),
                                   .output = guarded_case.output_quantization},
                                  weights.span(), bias.span(),
                                  {.activation = guarded_case.activation,
                                   .isa = isa,
                                   .input_maximum = guarded_case.input_maximum});
  EXPECT_EQ(conv.Describe().isa, isa);
  // The packed layer refers to none of them.
  scales.Protect(PROT_NONE);
  zero_points.Protect(PROT_NONE);
  weights.Protect(PROT_NONE);
  bias.Protect(PROT_NONE);

  const Guarded<uint8_t> input(guarded_case.input, edge);
  input.Protect(PROT_READ);
  const std::vector<uint8_t> blank(expected.size());
  const InTurn in_turn(3);
  for (const Executor* executor : {&Executor::Serial(), static_cast<const Executor*>(&in_turn)}) {
    const Guarded<uint8_t> output(blank, edge);
    conv.Run(guarded_case.layer.image, input.span(), output.span(), *executor);
    EXPECT_EQ(Difference(expected, output.span()), "");
    EXPECT_TRUE(output.PatternIntact());
  }
}

}  // namespace qconv::test
