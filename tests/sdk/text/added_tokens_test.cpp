#include "text/added_tokens.hpp"

#include <catch2/catch.hpp>

using namespace strata::text;

namespace {

using Parts = std::vector<std::pair<std::string, int32_t>>;  // id -1: text

// Tokens that no vocabulary has.
AddedTokens added_of(const std::vector<AddedToken>& tokens) {
  AddedTokens added;
  added.add(tokens, Vocabulary());
  added.finish([](const std::string& content) { return content; });
  return added;
}

Parts parts(const AddedTokens& added, std::string_view text, bool split_special = false) {
  RegexRoom room(text.size());
  std::vector<TextPart> found;
  added.plain().parts(text, added.all(), split_special, room, found);
  Parts out;
  for (const auto& part : found) out.emplace_back(part.text, part.id.value_or(-1));
  return out;
}

Parts parts(const std::vector<AddedToken>& tokens, std::string_view text) {
  return parts(added_of(tokens), text);
}

AddedToken token(std::string content, bool special = false) {
  return {.content = std::move(content), .special = special};
}

}  // namespace

TEST_CASE("the leftmost token is found, of those that start together the longest",
          "[text][added_tokens]") {
  const std::vector<AddedToken> tokens{token("<a>"), token("<a>b"), token("xx<")};
  REQUIRE(parts(tokens, "1<a>bc<a>") == Parts{{"1", -1}, {"<a>b", 1}, {"c", -1}, {"<a>", 0}});
  REQUIRE(parts(tokens, "xx<a>") == Parts{{"xx<", 2}, {"a>", -1}});
  REQUIRE(parts(tokens, "").empty());
}

TEST_CASE("a token takes the white space that its flags give it", "[text][added_tokens]") {
  auto left = token("<l>");
  left.lstrip = true;
  auto right = token("<r>");
  right.rstrip = true;
  REQUIRE(parts({left, right}, "a \u3000<l> <r>\n\u0085 b") ==
          Parts{{"a", -1}, {" \u3000<l>", 0}, {" ", -1}, {"<r>\n\u0085 ", 1}, {"b", -1}});
  REQUIRE(parts({left, right}, "<r> <l>") == Parts{{"<r> ", 1}, {"<l>", 0}});
}

TEST_CASE("a single word is found only between signs and spaces", "[text][added_tokens]") {
  auto word = token("ab");
  word.single_word = true;
  REQUIRE(parts({word}, "ab,ab xab aby \u00e9ab ab\u0301 ab_") ==
          Parts{{"ab", 0}, {",", -1}, {"ab", 0}, {" xab aby \u00e9ab ab\u0301 ab_", -1}});
}

TEST_CASE("a million tokens that take the white space after them are found in one go",
          "[text][added_tokens]") {
  auto line = token("\n");
  line.rstrip = true;
  const auto added = added_of({line});
  const std::string text(1'000'000, '\n');
  RegexRoom room(text.size());
  std::vector<TextPart> found;
  added.plain().parts(text, added.all(), false, room, found);
  REQUIRE(found.size() == text.size());
  REQUIRE(found.back().id == 0);
}

TEST_CASE("ids go on from the vocabulary's end, and a token that is there takes new flags",
          "[text][added_tokens]") {
  Vocabulary vocabulary;
  vocabulary.insert("a", 0, 2);
  vocabulary.insert("b", 5, 2);
  AddedTokens added;
  added.add({token("b"), token("<x>", true), token(""), token("<y>")}, vocabulary);
  auto again = token("<x>");
  again.rstrip = true;
  added.add({again, token("<z>")}, vocabulary);
  added.finish([](const std::string& content) { return content; });
  REQUIRE(parts(added, "b<x> <y><z>") == Parts{{"b", 5}, {"<x> ", 6}, {"<y>", 7}, {"<z>", 8}});
  REQUIRE(added.by_content("<x>")->special);
  REQUIRE(parts(added, "<x> <y>", true) == Parts{{"<x> ", -1}, {"<y>", 7}});
}
