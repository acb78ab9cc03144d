#include "text/tiktoken.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "core/error.hpp"
#include "text/base64.hpp"

namespace strata::text {
std::vector<std::string> parse_tiktoken(std::string_view bytes, const std::string& file) {
  std::vector<std::string> tokens;
  std::unordered_set<std::string> seen;
  for (std::size_t line = 1; !bytes.empty(); ++line) {
    const auto refuse = [&](const std::string& what) {
      throw Error(file, "line " + std::to_string(line) + " " + what,
                  "give the model's own vocabulary of tiktoken");
    };
    auto text = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), text.size() + 1));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) continue;
    const auto space = text.find(' ');
    auto token = from_base64(text.substr(0, space));
    if (space == text.npos || !token || token->empty()) refuse("has no token in base64");
    const auto number = text.substr(space + 1);
    std::size_t rank = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), rank);
    if (read.ec != std::errc() || read.ptr != number.data() + number.size() ||
        rank != tokens.size())
      refuse("does not have the rank " + std::to_string(tokens.size()));
    if (!seen.insert(*token).second) refuse("has a token that was there before");
    tokens.push_back(std::move(*token));
  }
  if (tokens.empty())
    throw Error(file, "it has no tokens", "give the model's own vocabulary of tiktoken");
  return tokens;
}

}  // namespace strata::text
