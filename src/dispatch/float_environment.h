// DefaultFloatEnvironment: round to nearest even, denormals kept, for as long as it lives.
//
// Layer: dispatch (it is about the state of the CPU). A caller may have set another rounding mode
// or flush-to-zero on its thread; the bytes of a layer must not depend on that.
#pragma once

#include <xmmintrin.h>

namespace qconv::dispatch {

class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() : saved_(_mm_getcsr()) {
    if ((saved_ & ~kStatusFlags) != kDefault) _mm_setcsr(kDefault);
  }
  ~DefaultFloatEnvironment() {
    if ((saved_ & ~kStatusFlags) != kDefault) _mm_setcsr(saved_);
  }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

 private:
  static constexpr unsigned kStatusFlags = 0x3f;
  static constexpr unsigned kDefault = 0x1f80;  // all exceptions masked, nothing else
  unsigned saved_;
};

}  // namespace qconv::dispatch
