#include "app/text_file.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace strata::app {
namespace {

constexpr std::size_t piece = 1 << 20;
constexpr std::size_t most_of_file = 1 << 30, most_of_stream = 64 << 20;

std::string read_all(std::istream& in, std::size_t most, const std::string& name) {
  std::string text;
  while (in && text.size() <= most) {
    const auto at = text.size();
    text.resize(at + piece);
    in.read(text.data() + at, piece);
    text.resize(at + static_cast<std::size_t>(in.gcount()));
  }
  if (text.size() > most)
    throw Error(name, "has more than " + std::to_string(most >> 20) + " MiB of text",
                "give a smaller text file");
  if (in.bad()) throw Error(name, "the text file cannot be read", "give a text file in UTF-8");
  return text;
}

}  // namespace

std::string read_text_file(const std::string& path) {
  const auto name = path == "-" ? std::string("standard input") : path;
  std::string text;
  if (path == "-") {
    text = read_all(std::cin, most_of_stream, name);
  } else {
    std::error_code ignored;
    std::ifstream file(path, std::ios::binary);
    if (!file || std::filesystem::is_directory(path, ignored))
      throw Error(name, "the text file cannot be read", "check the path");
    const bool regular = std::filesystem::is_regular_file(path, ignored);
    text = read_all(file, regular ? most_of_file : most_of_stream, name);
  }
  if (const auto at = invalid_utf8(text))
    throw Error(name, "byte " + std::to_string(*at) + " is not UTF-8", "save it as UTF-8");
  return text;
}

}  // namespace strata::app
