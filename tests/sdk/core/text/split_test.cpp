#include "core/text/split.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "core/text/pattern.hpp"
#include "core/text/pre_tokenizer.hpp"

using namespace strata::text;

namespace {

using Pieces = std::vector<std::string_view>;
using Kind = Regex::Kind;

Pieces split(const char* pattern, SplitBehavior behavior, std::string_view text,
             Kind kind = Kind::pattern, bool invert = false) {
  RegexRoom room(text.size());
  Pieces out;
  Split(Regex(pattern, kind), behavior, invert).apply(text, room, out);
  return out;
}

}  // namespace

TEST_CASE("each behaviour puts the matches where its name says", "[text][split]") {
  const auto dashes = "--a--b-";
  REQUIRE(split("-", SplitBehavior::isolated, dashes) == Pieces{"-", "-", "a", "-", "-", "b", "-"});
  REQUIRE(split("-", SplitBehavior::removed, dashes) == Pieces{"a", "b"});
  REQUIRE(split("-", SplitBehavior::merged_with_previous, dashes) ==
          Pieces{"-", "-", "a-", "-", "b-"});
  REQUIRE(split("-", SplitBehavior::merged_with_next, dashes) == Pieces{"-", "-a", "-", "-b", "-"});
  REQUIRE(split("-", SplitBehavior::contiguous, dashes) == Pieces{"--", "a", "--", "b", "-"});
  REQUIRE(split("[ab]", SplitBehavior::removed, "xabyabz", Kind::pattern, true) ==
          Pieces{"a", "b", "a", "b"});
}

TEST_CASE("a literal is no pattern", "[text][split]") {
  REQUIRE(split(".+", SplitBehavior::isolated, "a.+b", Kind::literal) == Pieces{"a", ".+", "b"});
}

TEST_CASE("a pattern that matches nothing cuts between characters", "[text][split]") {
  REQUIRE(split("-|", SplitBehavior::isolated, "a-\u00e9\u65e5") ==
          Pieces{"a", "-", "\u00e9", "\u65e5"});
}

TEST_CASE("U+180E is no white space, U+0085 is", "[text][pattern]") {
  REQUIRE(split(R"(\s)", SplitBehavior::removed, "a\u180eb\u0085c") == Pieces{"a\u180eb", "c"});
  REQUIRE(split(R"([^\S]+)", SplitBehavior::removed, "a\u180eb\u0085c") == Pieces{"a\u180eb", "c"});
}

TEST_CASE("classes in a class are joined to it", "[text][pattern]") {
  REQUIRE(split(R"([a[b-c\d]-]+)", SplitBehavior::removed, "xab-3c]y") == Pieces{"x", "]y"});
}

TEST_CASE("what PCRE2 reads in another way is refused by its name", "[text][pattern]") {
  const auto [pattern, what] = GENERATE(table<const char*, const char*>({
      {R"([\p{L}&&[^a]])", "'&&' at byte 6"},
      {R"([[:alpha:]])", "'[:' at byte 1"},
      {R"([a[^b]])", "'[^' inside a class at byte 3"},
      {R"([])", "']' as the first of a class at byte 1"},
      {R"([a)", "a class without its ']' at byte 2"},
      {R"([z-a])", "a wrong range at byte 4"},
      {R"([a-\d])", "a wrong range at byte 5"},
      {R"([\p{L}-z])", "a set as a range's end at byte 6"},
      {R"(\h)", "'\\h' at byte 2"},
      {R"(\w)", "'\\w' at byte 2"},
      {R"(a\b)", "'\\b' at byte 3"},
      {R"((a)\1)", "'\\1' at byte 5"},
      {R"(\pL)", "'\\p' without braces at byte 2"},
      {R"(\x{110000})", "a wrong code point at byte 9"},
      {R"(\xe9)", "'\\x' of a byte that is no character at byte 4"},
      {R"(\)", "a lone '\\' at byte 1"},
      {R"((?i)a)", "'(?i' at byte 0"},
      {R"((?<name>a))", "'(?<' at byte 0"},
      {R"((?i:ss))", "'ss' without case at byte 6"},
      {R"((?i:\p{Lu}))", "a set without case at byte 10"},
      {R"((?i:(a[b])))", "a class without case at byte 6"},
      {R"((?i:é))", "a character outside ASCII without case at byte 6"},
      {R"(a{2}+)", "a repeat of a repeat at byte 4"},
      {R"(a**)", "a repeat of a repeat at byte 2"},
      {R"((a)", "an open group at byte 2"},
      {R"(a))", "')' without its '(' at byte 1"},
  }));
  CAPTURE(pattern);
  REQUIRE_THROWS_WITH(pcre2_pattern(pattern), what);
}

TEST_CASE("what PCRE2 does not know is refused", "[text][regex]") {
  for (const auto* pattern : {R"(\p{Klingon})", "*a", "(?<=a*)b", "a{100000}"}) {
    CAPTURE(pattern);
    REQUIRE_THROWS_AS(Regex(pattern, Kind::pattern), std::invalid_argument);
  }
  REQUIRE_THROWS_WITH(Regex(std::string(20000, 'a'), Kind::pattern), "the pattern is too long");
}

TEST_CASE("a pattern that would never end is given up", "[text][regex]") {
  const std::string text(64, 'a');
  REQUIRE_THROWS_AS(split("(?:a+)+(?:a+)+[bc]", SplitBehavior::isolated, text), std::runtime_error);
}

TEST_CASE("long runs are cut without reaching a limit", "[text][regex]") {
  PreTokenizer words;
  words.byte_level(false, true);
  for (const char c : {' ', '\n', 'a', '7', '!'}) {
    const auto text = std::string(1'000'000, c) + "x";
    std::size_t bytes = 0;
    RegexRoom room(text.size());
    words.apply(text, room, [&](auto word) { bytes += word.size(); });
    REQUIRE(bytes == text.size());
  }
}
