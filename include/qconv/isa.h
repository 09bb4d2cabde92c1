// Which instruction set architectures this build has kernels for, and which this CPU can run.
//
// Layer: public API. ISAs are named by strings, so that a new one changes no type. Read next:
// conv.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qconv/export.h"

namespace qconv {

// One set of kernels. Names, from plain to best: "scalar", "avx2", "avx_vnni", "avx512",
// "avx512_vnni".
struct IsaInfo {
  std::string name;
  std::string dot_product;   // the instruction at the core of its fastest tiles: "vpdpbusd zmm"
  bool usable = false;       // CPU and operating system support it
  std::string missing = {};  // what is lacking when it is not usable: "avx512_vnni"
};

// CPU features that matter to int8 convolution, read with CPUID and XGETBV: a feature counts only
// if the operating system saves the registers it needs.
struct CpuInfo {
  std::string vendor;                 // "AuthenticAMD"
  std::string brand;                  // "AMD EPYC ..."
  std::vector<std::string> features;  // "avx2", "avx512_vnni", ...
  int64_t l1d_bytes = 0;              // data caches of one core; 0 if unknown
  int64_t l2_bytes = 0;
  int64_t l3_bytes = 0;  // shared
};

// All ISAs in this build, from plain to best. Thread-safe, as everything here.
QCONV_API std::vector<IsaInfo> Isas();

// The ISA that Conv::Prepack uses when its options name none: the environment variable QCONV_ISA,
// else the best usable one. Throws std::invalid_argument if QCONV_ISA names an unknown or unusable
// ISA.
QCONV_API std::string DefaultIsa();

// Resolves a name ("" means DefaultIsa()). Throws std::invalid_argument naming the ISA, what the
// CPU lacks and what there is.
QCONV_API std::string ResolveIsa(const std::string& name);

QCONV_API CpuInfo Cpu();

// Instruction ceiling of an ISA on this machine: u8 x s8 multiply-accumulates per second that one
// thread reaches with the ISA's dot product on registers alone, no loads. Takes some milliseconds;
// the best of several runs. Throws as ResolveIsa.
QCONV_API double MeasureCeiling(const std::string& isa);

}  // namespace qconv
