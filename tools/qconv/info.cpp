#include "info.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "qconv/isa.h"
#include "qconv/version.h"

namespace qconv::command {
namespace {

double CeilingGmacs(const IsaInfo& isa) { return MeasureCeiling(isa.name) * 1e-9; }

std::string CacheSize(int64_t bytes) {
  return bytes == 0 ? "unknown" : fmt::format("{} KiB", bytes / 1024);
}

void PrintJson(const std::string& chosen) {
  const CpuInfo cpu = Cpu();
  nlohmann::ordered_json info = {{"version", QCONV_VERSION},
                                 {"cpu",
                                  {{"vendor", cpu.vendor},
                                   {"brand", cpu.brand},
                                   {"features", cpu.features},
                                   {"l1d_bytes", cpu.l1d_bytes},
                                   {"l2_bytes", cpu.l2_bytes},
                                   {"l3_bytes", cpu.l3_bytes}}},
                                 {"isa", chosen},
                                 {"isas", nlohmann::ordered_json::array()}};
  for (const IsaInfo& isa : Isas()) {
    nlohmann::ordered_json entry = {
        {"name", isa.name}, {"dot_product", isa.dot_product}, {"usable", isa.usable}};
    if (isa.usable) {
      entry["ceiling_gmacs_per_second"] = CeilingGmacs(isa);
    } else {
      entry["missing"] = isa.missing;
    }
    info["isas"].push_back(entry);
  }
  fmt::print("{}\n", info.dump(2));
}

void PrintText(const std::string& chosen) {
  const CpuInfo cpu = Cpu();
  fmt::print("qconv {}\n", QCONV_VERSION);
  fmt::print("cpu       {} ({})\n", cpu.brand, cpu.vendor);
  fmt::print("features  {}\n", fmt::join(cpu.features, " "));
  fmt::print("caches    L1d {}, L2 {}, L3 {}\n\n", CacheSize(cpu.l1d_bytes),
             CacheSize(cpu.l2_bytes), CacheSize(cpu.l3_bytes));
  fmt::print("  {:<13}{:<26}{}\n", "ISA", "dot product", "ceiling of one thread");
  for (const IsaInfo& isa : Isas()) {
    const std::string state = isa.usable ? fmt::format("{:.1f} GMAC/s", CeilingGmacs(isa))
                                         : fmt::format("not usable, lacks {}", isa.missing);
    fmt::print("{} {:<13}{:<26}{}\n", isa.name == chosen ? '*' : ' ', isa.name, isa.dot_product,
               state);
  }
  const char* variable = std::getenv("QCONV_ISA");
  if (variable != nullptr && *variable != '\0') {
    fmt::print(
        "\n* named by the environment's QCONV_ISA; used unless another is asked for by name\n");
  } else {
    fmt::print("\n* used unless another is asked for by name or by the environment's QCONV_ISA\n");
  }
}

}  // namespace

void Info(bool as_json) {
  const std::string chosen = DefaultIsa();
  if (as_json) {
    PrintJson(chosen);
  } else {
    PrintText(chosen);
  }
}

}  // namespace qconv::command
