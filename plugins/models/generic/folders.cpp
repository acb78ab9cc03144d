#include "folders.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <strata/plugin.hpp>
#include <vector>

namespace generic {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_text = 1 << 20;

std::string& chosen() {
  static std::string folder;
  return folder;
}

fs::path beside_plugin() {
  Dl_info info{};
  if (!dladdr(&strata_plugin_v1, &info) || !info.dli_fname) return {};
  return fs::path(info.dli_fname).parent_path() / "descriptions";
}

std::vector<fs::path> folders() {
  std::vector<fs::path> out;
  if (!chosen().empty()) out.emplace_back(chosen());
  const char* variable = secure_getenv("STRATA_DESCRIPTIONS");
  std::string_view listed = variable ? variable : "";
  while (!listed.empty()) {
    const auto end = std::min(listed.find(':'), listed.size());
    if (end > 0) out.emplace_back(listed.substr(0, end));
    listed.remove_prefix(std::min(end + 1, listed.size()));
  }
  out.push_back(beside_plugin());
  return out;
}

bool is_name(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

}  // namespace

void use_folder(const std::string& folder) {
  std::error_code error;
  if (!folder.empty() && !fs::is_directory(folder, error))
    throw strata::Failure(STRATA_NOT_FOUND,
                          "descriptions: " + folder + " is no folder: name one with TOML files");
  chosen() = folder;
}

fs::path find_description(std::string_view model_type) {
  if (!is_name(model_type)) return {};
  std::error_code error;
  for (const auto& folder : folders()) {
    auto file = folder / (std::string(model_type) + ".toml");
    if (fs::is_regular_file(file, error)) return file;
  }
  return {};
}

std::string read_description(const fs::path& file) {
  std::string text(longest_text + 1, '\0');
  std::ifstream in(file, std::ios::binary);
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad() || (in.fail() && !in.eof()))
    throw strata::Failure(STRATA_NOT_FOUND,
                          file.string() + ": it cannot be read: give this user the right to");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

}  // namespace generic
