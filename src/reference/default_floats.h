// DefaultFloats: the floating-point environment that the definition asks for.
//
// Layer: reference; the packed layer has its own. Read next: layer.h.
#pragma once

#include <cfenv>

namespace qconv::reference {

// Round to nearest even and no flushing of denormals for as long as it lives, whatever the caller
// has set: the bytes of a layer do not depend on it.
class DefaultFloats {
 public:
  DefaultFloats() {
    std::feholdexcept(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloats() { std::fesetenv(&saved_); }
  DefaultFloats(const DefaultFloats&) = delete;
  DefaultFloats& operator=(const DefaultFloats&) = delete;

 private:
  std::fenv_t saved_;
};

}  // namespace qconv::reference
