#include "app/earlier_file.hpp"

#include <filesystem>
#include <fstream>
#include <map>

#include "core/error.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

// The beginning of the file, as long as `wanted` if it has so many bytes.
std::string beginning_of(const std::string& path, std::size_t wanted) {
  std::string out(wanted, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(out.data(), static_cast<std::streamsize>(wanted));
  out.resize(static_cast<std::size_t>(file.gcount()));
  return out;
}

}  // namespace

void need_earlier_file(std::string_view option, const std::string& path,
                       std::string_view beginning) {
  std::error_code error;
  if (path.empty() || !fs::is_regular_file(path, error)) return;
  const auto found = beginning_of(path, beginning.size());
  if (found == beginning || (found.empty() && fs::file_size(path, error) == 0)) return;
  throw UsageError(option, printable(path) + " is a file that no earlier run wrote here",
                   "give the name of a new one");
}

void need_own_files(std::initializer_list<FileOption> files) {
  std::map<fs::path, std::string_view> taken;
  for (const auto& [option, path] : files) {
    if (path.empty()) continue;
    std::error_code error;
    auto place = fs::weakly_canonical(fs::absolute(path, error), error);
    if (error) place = fs::path(path).lexically_normal();
    const auto [at, is_new] = taken.emplace(place, option);
    if (!is_new)
      throw UsageError(option, printable(path) + " is the file of " + std::string(at->second),
                       "give each a file of its own");
  }
}

}  // namespace strata::app
