// QCONV_XSIMD_ARCH_512 / _256: an xsimd architecture tag of an ISA's own.
//
// Layer: kernels. A tag in an anonymous namespace gives every xsimd function that is instantiated
// with it internal linkage, so that no copy compiled with one ISA's flags can be linked into code
// for another. The macro stands at global scope; afterwards xsimd::batch<T, qconv::kernels::tag>
// works.
#pragma once

#include <xsimd/xsimd.hpp>

#define QCONV_XSIMD_ARCH_256(tag, base)                         \
  namespace qconv::kernels {                                    \
  namespace {                                                   \
  struct tag : base {};                                         \
  }                                                             \
  }                                                             \
  namespace xsimd::types {                                      \
  XSIMD_DECLARE_SIMD_REGISTER_ALIAS(qconv::kernels::tag, base); \
  }

#define QCONV_XSIMD_ARCH_512(tag, base)                   \
  QCONV_XSIMD_ARCH_256(tag, base)                         \
  namespace xsimd::types {                                \
  template <class T>                                      \
  struct get_bool_simd_register<T, qconv::kernels::tag> { \
    using type = simd_avx512_bool_register<T>;            \
  };                                                      \
  }
