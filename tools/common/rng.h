// Rng: random numbers that are the same on every machine and standard library (the distributions of
// <random> are not), so that a seed in a report can be replayed anywhere. Callers draw once per
// full expression at most, unless in a braced list: compilers order the operands of + as they like.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>

namespace qconv::cases {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // lower..upper, both included. The bias of the remainder is far below what a test could notice.
  int64_t Int(int64_t lower, int64_t upper) {
    return lower + static_cast<int64_t>(Next() % static_cast<uint64_t>(upper - lower + 1));
  }

  // True once in `n` times.
  bool OneIn(int64_t n) { return Int(1, n) == 1; }

  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  double Real(double lower, double upper) { return lower + (upper - lower) * Unit(); }

  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return values.begin()[Int(0, static_cast<int64_t>(values.size()) - 1)];
  }

  // Laplace distributed, nearly: the density halves from each unit to the next by steps rather than
  // smoothly. It takes no logarithm, whose last bit may differ between C libraries.
  double Laplace() {
    const int octave = std::countl_zero(Next() | 1u);
    const double magnitude = octave + Unit();
    return OneIn(2) ? magnitude : -magnitude;
  }

 private:
  uint64_t state_;
};

}  // namespace qconv::cases
