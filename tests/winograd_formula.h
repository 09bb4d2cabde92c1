// The matrices of Winograd's formula (src/kernels/winograd.inl.h), in plain loops.
//
// Shares no code with what it checks. Read next: winograd_kernel_test.cpp.
#pragma once

#include <cstdint>
#include <random>

#include "panel_numbers.h"

namespace qconv::test {

inline constexpr int kWinogradSide = 6, kWinogradKernel = 3;
inline constexpr int kInputTransform[kWinogradSide][kWinogradSide] = {
    {4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
    {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
inline constexpr int kWeightTransform[kWinogradSide][kWinogradKernel] = {
    {6, 0, 0}, {-2, -2, -2}, {-2, 2, -2}, {1, 2, 4}, {1, -2, 4}, {0, 0, 6}};

// Element `position` of T x T', where x has n x n elements.
template <int n, class Element>
int WinogradElement(const int (&t)[kWinogradSide][n], int position, const Element& element) {
  int sum = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      sum += t[position / kWinogradSide][i] * t[position % kWinogradSide][j] * element(i * n + j);
    }
  }
  return sum;
}

inline uint8_t DrawWinogradByte(std::mt19937& random) {
  const int kind = Draw(random, 0, 5);
  return static_cast<uint8_t>(kind < 2 ? 0 : kind < 4 ? 255 : Draw(random, 0, 255));
}

}  // namespace qconv::test
