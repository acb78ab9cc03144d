#include "host/commands/prompts.hpp"

#include <strata/abi/core.h>

#include <sstream>

#include "app/text_file.hpp"
#include "core/error.hpp"

namespace strata::host {

std::vector<std::string> prompt_lines(const std::string& path, const app::Log& log) {
  std::istringstream file(app::read_text_file(path));
  const auto name = path == "-" ? std::string("standard input") : path;
  std::vector<std::string> out;
  std::string blank;
  std::size_t number = 0, blanks = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) {
      out.push_back(line);
    } else if (++blanks <= 8) {
      blank += (blank.empty() ? "" : ", ") + std::to_string(number);
    }
  }
  if (out.empty()) throw Error(name, "the prompt file is empty", "give one prompt a line");
  if (blanks > 0)
    log.line(STRATA_WARN, name + (blanks > 1 ? ": lines " : ": line ") + blank +
                              (blanks > 8 ? ", ..." : "") +
                              (blanks > 1 ? " are blank and skipped" : " is blank and skipped"));
  return out;
}

std::string prompt_file_text(const std::string& path) {
  auto text = app::read_text_file(path);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty())
    throw Error(path == "-" ? "standard input" : path, "the prompt is empty", "give a text");
  return text;
}

std::string prompt_text(const std::string& prompt) {
  return prompt == "-" ? prompt_file_text("-") : prompt;
}

}  // namespace strata::host
