#include "host/chat/input.hpp"

#include <algorithm>
#include <array>

namespace strata::chat {
namespace {

struct Word {
  std::string_view word;
  Verb verb;
  std::string_view value, help;  // without help: another word for a command
};

constexpr std::array words{
    Word{"help", Verb::help, "", "lists these commands"},
    Word{"?", Verb::help, "", ""},
    Word{"reset", Verb::reset, "", "forgets the conversation and keeps the system message"},
    Word{"clear", Verb::reset, "", ""},
    Word{"system", Verb::system, "[TEXT]", "starts anew with this system message, or without one"},
    Word{"regenerate", Verb::regenerate, "", "answers the last message again"},
    Word{"regen", Verb::regenerate, "", ""},
    Word{"retry", Verb::regenerate, "", ""},
    Word{"save", Verb::save, "FILE", "writes the conversation as JSON"},
    Word{"load", Verb::load, "FILE", "continues a saved conversation"},
    Word{"quit", Verb::quit, "", "ends, as Ctrl-D does"},
    Word{"exit", Verb::quit, "", ""},
    Word{"bye", Verb::quit, "", ""},
};

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

Input parse_input(std::string_view line) {
  if (!line.starts_with('/')) return {Verb::message, std::string(line)};
  if (line.starts_with("//")) return {Verb::message, std::string(line.substr(1))};
  const auto end = std::min(line.find_first_of(" \t"), line.size());
  const auto name = line.substr(1, end - 1);
  const auto at = std::ranges::find(words, name, &Word::word);
  if (at == words.end()) return {Verb::unknown, std::string(line.substr(0, end))};
  return {at->verb, std::string(trimmed(line.substr(end)))};
}

std::string input_help() {
  std::string out;
  for (const auto& one : words) {
    if (one.help.empty()) continue;
    auto words_of = "/" + std::string(one.word) + (one.value.empty() ? "" : " ");
    words_of += one.value;
    words_of.resize(std::max<std::size_t>(words_of.size() + 1, 18), ' ');
    out += words_of + std::string(one.help) + "\n";
  }
  return out +
         "A line that ends with \\ goes on with the next one; // begins a message with a slash.\n"
         "Ctrl-C ends an answer, Ctrl-D ends the program.\n";
}

}  // namespace strata::chat
