// Medians and means for timings.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace qconv::bench {

// Of a non-empty list.
inline double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// Geometric mean of positive numbers; NaN when there are none.
class GeometricMean {
 public:
  void Add(double value) {
    sum_of_logs_ += std::log(value);
    ++count_;
  }
  double value() const { return std::exp(sum_of_logs_ / count_); }

 private:
  double sum_of_logs_ = 0;
  int count_ = 0;
};

}  // namespace qconv::bench
