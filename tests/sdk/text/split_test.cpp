#include "text/split.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "text/byte_level.hpp"
#include "text/pattern.hpp"

using namespace strata::text;

namespace {

using Words = std::vector<std::string>;
using Kind = Regex::Kind;

Words split(const char* pattern, SplitBehavior behavior, std::string_view text,
            Kind kind = Kind::pattern, bool invert = false) {
  RegexRoom room(text.size());
  Pieces pieces(text, true);
  Split(Regex(pattern, kind), behavior, invert).apply(pieces, room);
  Words out;
  for (const auto range : pieces.ranges) out.emplace_back(pieces.view(range));
  return out;
}

}  // namespace

TEST_CASE("each behaviour puts the matches where its name says", "[text][split]") {
  const auto dashes = "--a--b-";
  REQUIRE(split("-", SplitBehavior::isolated, dashes) == Words{"-", "-", "a", "-", "-", "b", "-"});
  REQUIRE(split("-", SplitBehavior::removed, dashes) == Words{"a", "b"});
  REQUIRE(split("-", SplitBehavior::merged_with_previous, dashes) ==
          Words{"-", "-", "a-", "-", "b-"});
  REQUIRE(split("-", SplitBehavior::merged_with_next, dashes) == Words{"-", "-a", "-", "-b", "-"});
  REQUIRE(split("-", SplitBehavior::contiguous, dashes) == Words{"--", "a", "--", "b", "-"});
  REQUIRE(split("[ab]", SplitBehavior::removed, "xabyabz", Kind::pattern, true) ==
          Words{"a", "b", "a", "b"});
}

TEST_CASE("a literal is no pattern", "[text][split]") {
  REQUIRE(split(".+", SplitBehavior::isolated, "a.+b", Kind::literal) == Words{"a", ".+", "b"});
}

TEST_CASE("a pattern that matches nothing cuts between characters", "[text][split]") {
  REQUIRE(split("-|", SplitBehavior::isolated, "a-\u00e9\u65e5") ==
          Words{"a", "-", "\u00e9", "\u65e5"});
}

TEST_CASE("U+180E is no white space, U+0085 is", "[text][pattern]") {
  REQUIRE(split(R"(\s)", SplitBehavior::removed, "a\u180eb\u0085c") == Words{"a\u180eb", "c"});
  REQUIRE(split(R"([^\S]+)", SplitBehavior::removed, "a\u180eb\u0085c") == Words{"a\u180eb", "c"});
}

TEST_CASE("classes in a class are joined to it", "[text][pattern]") {
  REQUIRE(split(R"([a[b-c\d]-]+)", SplitBehavior::removed, "xab-3c]y") == Words{"x", "]y"});
}

TEST_CASE("classes are intersected and negated as Oniguruma does it", "[text][pattern]") {
  const auto removed = SplitBehavior::removed;
  REQUIRE(split(R"([\p{L}&&[^a-c]]+)", removed, "xa&by") == Words{"a&b"});
  REQUIRE(split(R"([^\p{L}&&[^a-c]]+)", removed, "xa&by") == Words{"x", "y"});
  REQUIRE(split(R"([a[^\d]]+)", removed, "1a,2") == Words{"1", "2"});
  REQUIRE(split(R"([a-c&&b-d&&[^c]])", removed, "abcd") == Words{"a", "cd"});
}

TEST_CASE("a plus after a counted repeat repeats it", "[text][pattern]") {
  REQUIRE(split(R"((?:\d[a]){1,2}+)", SplitBehavior::removed, "x1a2a3a1y") == Words{"x", "1y"});
}

TEST_CASE("a word ends where letters, marks and digits do", "[text][pattern]") {
  REQUIRE(split(R"(\b)", SplitBehavior::isolated, "e\u0301a_1, x") ==
          Words{"e\u0301a_1", ", ", "x"});
  REQUIRE(split(R"([\w]+|\h)", SplitBehavior::removed, ".a_1.") == Words{".", "."});
}

TEST_CASE("what PCRE2 reads in another way is refused by its name", "[text][pattern]") {
  const auto [pattern, what] = GENERATE(table<const char*, const char*>({
      {R"([[:alpha:]])", "'[:' at byte 1"},
      {R"([])", "']' as the first of a class at byte 1"},
      {R"([a)", "a class without its ']' at byte 2"},
      {R"([z-a])", "a wrong range at byte 4"},
      {R"([a-\d])", "a wrong range at byte 5"},
      {R"([\p{L}-z])", "a set as a range's end at byte 6"},
      {R"(\k)", "'\\k' at byte 2"},
      {R"([\b])", "'\\b' at byte 3"},
      {R"([a&&])", "an empty class at byte 5"},
      {R"((a)\1)", "'\\1' at byte 5"},
      {R"(\pL)", "'\\p' without braces at byte 2"},
      {R"(\x{110000})", "a wrong code point at byte 9"},
      {R"(\xe9)", "'\\x' of a byte that is no character at byte 4"},
      {R"(\)", "a lone '\\' at byte 1"},
      {R"((?i)a)", "'(?i' at byte 0"},
      {R"((?<name>a))", "'(?<' at byte 0"},
      {R"((?i:ss))", "'ss' without case at byte 6"},
      {R"((?i:\p{Lu}))", "a set without case at byte 10"},
      {R"((?i:(a[a[b]])))", "a class in a class without case at byte 8"},
      {R"((?i:[a&&b]))", "'&&' without case at byte 6"},
      {R"((?i:[a-b]))", "a range without case at byte 6"},
      {R"((?i:[\d]))", "a set without case at byte 7"},
      {R"((?i:[é]))", "a character outside ASCII without case at byte 7"},
      {R"((?i:é))", "a character outside ASCII without case at byte 6"},
      {R"(a{2}?)", "a repeat of a repeat at byte 4"},
      {R"(a{2}+*)", "a repeat of a repeat at byte 5"},
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
  const ByteLevel words(false, true);
  for (const char c : {' ', '\n', 'a', '7', '!'}) {
    const auto text = std::string(1'000'000, c) + "x";
    RegexRoom room(text.size());
    Pieces pieces(text, true);
    words.apply(pieces, room);
    std::string joined;
    for (const auto range : pieces.ranges) joined += pieces.view(range);
    REQUIRE(unspell(joined) == text);
  }
}
