// One compiled regular expression over UTF-8, and the memory and the limits of searches.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::text {

// The memory and limits that searches of one text share. For the thread that made it.
class RegexRoom {
 public:
  // Makes room for `bytes` of text to search; more than 3 s of work and 20 us a byte are an error.
  explicit RegexRoom(std::size_t bytes);
  ~RegexRoom();
  RegexRoom(const RegexRoom&) = delete;
  RegexRoom& operator=(const RegexRoom&) = delete;

  // Throws std::runtime_error with the fact where the steps made the text far longer.
  void check_size(std::size_t bytes) const;

 private:
  friend class Regex;
  struct State;

  State& state();  // made when it is first needed

  std::size_t bytes_;
  std::unique_ptr<State> state_;
};

class Regex {
 public:
  enum class Kind { pattern, literal };
  // `source` is a pattern of tokenizer.json (text/pattern.hpp) or a literal text, valid UTF-8; an
  // empty one never matches. Throws std::invalid_argument with the fact where it is not supported.
  Regex(std::string_view source, Kind kind);

  // Matches one word character by Unicode (UTS 18, annex C): letters, marks, decimal digits,
  // connectors, joiners.
  static Regex word();

  struct Part {
    std::string_view text;
    bool match;
  };
  // Cuts `text` (valid UTF-8) into parts, the matches and the text between them, in order; no match
  // is empty just after another one. Throws std::runtime_error with the fact where a limit is
  // reached.
  void parts(std::string_view text, RegexRoom& room, std::vector<Part>& out) const;

  bool matches(std::string_view text, RegexRoom& room) const;
  // Whether the text begins with a match that is not empty.
  bool starts(std::string_view text, RegexRoom& room) const;

 private:
  struct Span {
    std::size_t begin, end;
  };
  Regex() = default;
  void compile(std::string_view pattern, uint32_t options);
  std::optional<Span> find(std::string_view text, std::size_t from, RegexRoom& room) const;

  std::string literal_;
  std::shared_ptr<const void> code_;  // a pcre2_code; null for a literal
};

}  // namespace strata::text
