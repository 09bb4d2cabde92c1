// The list of ISAs, the choice among them, and what the library believes of this CPU.
#include "qconv/isa.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

// Sets QCONV_ISA, or unsets it, for as long as it lives.
class ScopedIsa {
 public:
  explicit ScopedIsa(const char* value) {
    if (const char* saved = std::getenv("QCONV_ISA")) saved_ = saved;
    Set(value);
  }
  ~ScopedIsa() { Set(saved_ ? saved_->c_str() : nullptr); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  static void Set(const char* value) {
    if (value == nullptr) {
      unsetenv("QCONV_ISA");
    } else {
      setenv("QCONV_ISA", value, 1);
    }
  }
  std::optional<std::string> saved_;
};

// What Linux says of the first CPU: it leaves out what it does not save the registers of, too.
std::set<std::string> LinuxFeatures() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

bool HasAll(const std::set<std::string>& features, const std::vector<std::string>& required) {
  return std::all_of(required.begin(), required.end(),
                     [&](const std::string& name) { return features.count(name) == 1; });
}

// Older than all that the library could construct, so that it goes after that: layers may be packed
// while a program ends. What it finds then decides how the program of each test exits.
const struct AtExit {
  ~AtExit() {
    const std::vector<IsaInfo> isas = Isas();
    const bool none =
        std::none_of(isas.begin(), isas.end(), [](const IsaInfo& isa) { return isa.usable; });
    if (none || test::OnePixel({1}, {1}).Prepack().Describe().isa != DefaultIsa()) std::_Exit(1);
  }
} at_exit;

TEST(IsaTest, AllThatCMakeBuildsFromPlainToBest) {
  std::vector<std::string> names;
  for (const IsaInfo& isa : Isas()) {
    names.push_back(isa.name);
    EXPECT_NE(isa.dot_product, "");
    EXPECT_EQ(isa.missing.empty(), isa.usable) << isa.name;
  }
  std::vector<std::string> built;
  std::istringstream list(QCONV_BUILT_ISAS);
  for (std::string name; std::getline(list, name, ',');) built.push_back(name);
  EXPECT_EQ(names, built);
  EXPECT_EQ(names.front(), "scalar");
}

TEST(IsaTest, UsableIsWhatLinuxSays) {
  const std::set<std::string> features = LinuxFeatures();
  ASSERT_NE(features.count("fpu"), 0u);
  const std::vector<std::string> avx512 = {"avx2",     "avx512f",  "avx512bw",
                                           "avx512cd", "avx512dq", "avx512vl"};
  for (const IsaInfo& isa : Isas()) {
    std::vector<std::string> required;
    if (isa.name == "avx2") required = {"avx2"};
    if (isa.name == "avx_vnni") required = {"avx2", "avx_vnni"};
    if (isa.name == "avx512" || isa.name == "avx512_vnni") required = avx512;
    if (isa.name == "avx512_vnni") required.push_back("avx512_vnni");
    EXPECT_EQ(isa.usable, HasAll(features, required)) << isa.name << " lacks " << isa.missing;
  }
}

TEST(IsaTest, CpuAgreesWithLinux) {
  const std::set<std::string> features = LinuxFeatures();
  const CpuInfo cpu = Cpu();
  EXPECT_NE(cpu.vendor, "");
  EXPECT_NE(cpu.brand, "");
  for (const std::string& name : cpu.features) EXPECT_EQ(features.count(name), 1u) << name;
  for (const char* name : {"avx2", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni"}) {
    EXPECT_EQ(std::count(cpu.features.begin(), cpu.features.end(), name), features.count(name))
        << name;
  }
}

TEST(IsaTest, CachesAreThoseOfLinux) {
  // Cores may differ: this one.
  cpu_set_t before, here;
  sched_getaffinity(0, sizeof before, &before);
  const int core = sched_getcpu();
  CPU_ZERO(&here);
  CPU_SET(core, &here);
  ASSERT_EQ(sched_setaffinity(0, sizeof here, &here), 0);
  const CpuInfo cpu = Cpu();
  sched_setaffinity(0, sizeof before, &before);
  int compared = 0;
  for (int index = 0;; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(core) +
                               "/cache/index" + std::to_string(index) + "/";
    int level = 0;
    int64_t kib = 0;
    std::string type;
    if (!(std::ifstream(folder + "level") >> level)) break;
    std::ifstream(folder + "type") >> type;
    std::ifstream(folder + "size") >> kib;
    if (type == "Instruction" || level > 3) continue;
    const int64_t bytes = level == 1 ? cpu.l1d_bytes : level == 2 ? cpu.l2_bytes : cpu.l3_bytes;
    if (bytes == 0) continue;  // unknown
    EXPECT_EQ(bytes, kib * 1024) << "level " << level;
    ++compared;
  }
  if (compared == 0) GTEST_SKIP() << "Linux or this CPU does not tell";
}

TEST(IsaTest, DefaultIsTheBestUsable) {
  const std::string best = test::UsableIsas().back();
  for (const char* value : {static_cast<const char*>(nullptr), ""}) {
    const ScopedIsa environment(value);
    EXPECT_EQ(DefaultIsa(), best);
    EXPECT_EQ(ResolveIsa(""), best);
    EXPECT_EQ(test::OnePixel({1}, {1}).Prepack().Describe().isa, best);
  }
}

TEST(IsaTest, EnvironmentTakesEffect) {
  for (const std::string& isa : test::UsableIsas()) {
    const ScopedIsa environment(isa.c_str());
    EXPECT_EQ(DefaultIsa(), isa);
    EXPECT_EQ(ResolveIsa(""), isa);
    const cases::Case pixel = test::OnePixel({1}, {1});
    EXPECT_EQ(pixel.Prepack().Describe().isa, isa);
    // A name given in the options wins.
    EXPECT_EQ(pixel.Prepack("scalar").Describe().isa, "scalar");
  }
}

TEST(IsaTest, EnvironmentWithAnUnknownName) {
  const ScopedIsa environment("pentium");
  const std::vector<std::string> words = {"QCONV_ISA", "pentium", "scalar"};
  test::ExpectInvalid([] { DefaultIsa(); }, words);
  test::ExpectInvalid([] { ResolveIsa(""); }, words);
  test::ExpectInvalid([] { MeasureCeiling(""); }, words);
  const cases::Case pixel = test::OnePixel({1}, {1});
  test::ExpectInvalid([&] { pixel.Prepack(); }, words);
  EXPECT_EQ(pixel.Prepack("scalar").Describe().isa, "scalar");
}

TEST(IsaTest, ResolvesWhatIsUsableAndRefusesTheRest) {
  test::ExpectInvalid([] { ResolveIsa("AVX2"); }, {"qconv: isa is \"AVX2\"", "scalar"});
  for (const IsaInfo& isa : Isas()) {
    if (isa.usable) {
      EXPECT_EQ(ResolveIsa(isa.name), isa.name);
      continue;
    }
    const std::vector<std::string> words = {isa.name, isa.missing, "scalar"};
    test::ExpectInvalid([&] { ResolveIsa(isa.name); }, words);
    test::ExpectInvalid([&] { test::OnePixel({1}, {1}).Prepack(isa.name); }, words);
    const ScopedIsa environment(isa.name.c_str());
    test::ExpectInvalid([] { DefaultIsa(); }, words);
  }
}

TEST(IsaTest, CeilingsRiseWithTheWidth) {
  const double scalar = MeasureCeiling("scalar");
  EXPECT_GT(scalar, 0);
  for (const std::string& isa : test::UsableIsas()) {
    if (isa == "scalar") continue;
    EXPECT_GT(MeasureCeiling(isa), scalar) << isa;
  }
}

}  // namespace
}  // namespace qconv
