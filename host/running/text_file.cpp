#include "host/running/text_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/error.hpp"
#include "core/text/utf8.hpp"

namespace strata::host {

std::string read_text_file(const std::string& path) {
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    throw Error(path, "the text file cannot be read", "give a text file in UTF-8");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (const auto at = text::invalid_utf8(text))
    throw Error(path, "byte " + std::to_string(*at) + " is not UTF-8", "save it as UTF-8");
  return text;
}

}  // namespace strata::host
