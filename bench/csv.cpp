#include "csv.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

namespace qconv::bench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const fs::path& file, const std::string& reason) {
  throw std::runtime_error(fmt::format("cannot write {}: {}", file.string(), reason));
}

std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string Format(const std::vector<LayerResult>& results) {
  std::string text =
      "net,layer,class,count,gmac,ms,gmacs,ceiling_pct,wrong,peer_ms,ratio,peer_wrong\n";
  for (const LayerResult& r : results) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{:.6g},{:.6g},{:.5g},{:.4g},{:.4g},",
                   Quoted(r.layer.net), Quoted(r.layer.name), r.layer.Class(), r.layer.count,
                   r.gmac(), r.ms, r.gmacs(), r.ceiling_pct(), r.wrong);
    text += r.peer ? fmt::format("{:.6g},{:.5g},{:.4g}\n", r.peer->ms, r.peer->ratio, r.peer->wrong)
                   : ",,\n";
  }
  return text;
}

// The file itself where the name is a link, which renaming would replace.
fs::path Target(const fs::path& file) { return fs::weakly_canonical(fs::absolute(file)); }

}  // namespace

void CheckCsvTarget(const fs::path& file) {
  const fs::path target = Target(file);
  if (fs::exists(target) && !fs::is_regular_file(target)) Fail(file, "not a regular file");
  if (::access(target.parent_path().c_str(), W_OK | X_OK) != 0) Fail(file, std::strerror(errno));
}

void WriteCsv(const fs::path& file, const std::vector<LayerResult>& results) {
  const fs::path target = Target(file);
  fs::path temporary = target;
  temporary += fmt::format(".tmp{}", ::getpid());
  std::error_code error;
  {
    std::ofstream stream(temporary, std::ios::binary);
    stream << Format(results);
    stream.close();
    if (!stream) error = std::error_code(errno, std::generic_category());
  }
  if (!error) fs::rename(temporary, target, error);
  if (error) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    Fail(file, error.message());
  }
}

}  // namespace qconv::bench
