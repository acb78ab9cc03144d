#include "core/text/added_tokens.hpp"

#include <catch2/catch.hpp>

using namespace strata::text;

namespace {

using Parts = std::vector<std::pair<std::string, int32_t>>;  // id -1: text

Parts parts(const std::vector<AddedToken>& tokens, std::string_view text) {
  std::vector<std::string> contents;
  for (const auto& token : tokens) contents.push_back(token.content);
  const AddedTokens added(tokens, contents);
  RegexRoom room(text.size());
  std::vector<TextPart> found;
  added.plain().parts(text, added.all(), room, found);
  Parts out;
  for (const auto& part : found) out.emplace_back(part.text, part.id.value_or(-1));
  return out;
}

AddedToken token(std::string content, int32_t id) {
  AddedToken out;
  out.content = std::move(content);
  out.id = id;
  return out;
}

}  // namespace

TEST_CASE("the leftmost token is found, of those that start together the longest",
          "[text][added_tokens]") {
  const std::vector<AddedToken> tokens{token("<a>", 1), token("<a>b", 2), token("xx<", 3)};
  REQUIRE(parts(tokens, "1<a>bc<a>") == Parts{{"1", -1}, {"<a>b", 2}, {"c", -1}, {"<a>", 1}});
  REQUIRE(parts(tokens, "xx<a>") == Parts{{"xx<", 3}, {"a>", -1}});
  REQUIRE(parts(tokens, "").empty());
}

TEST_CASE("a token takes the white space that its flags give it", "[text][added_tokens]") {
  auto left = token("<l>", 1);
  left.lstrip = true;
  auto right = token("<r>", 2);
  right.rstrip = true;
  REQUIRE(parts({left, right}, "a \u3000<l> <r>\n\u0085 b") ==
          Parts{{"a", -1}, {" \u3000<l>", 1}, {" ", -1}, {"<r>\n\u0085 ", 2}, {"b", -1}});
  REQUIRE(parts({left, right}, "<r> <l>") == Parts{{"<r> ", 2}, {"<l>", 1}});
}

TEST_CASE("a single word is found only between signs and spaces", "[text][added_tokens]") {
  auto word = token("ab", 1);
  word.single_word = true;
  REQUIRE(parts({word}, "ab,ab xab aby \u00e9ab ab\u0301 ab_") ==
          Parts{{"ab", 1}, {",", -1}, {"ab", 1}, {" xab aby \u00e9ab ab\u0301 ab_", -1}});
}

TEST_CASE("a million tokens that take the white space after them are found in one go",
          "[text][added_tokens]") {
  auto line = token("\n", 1);
  line.rstrip = true;
  const AddedTokens added({line}, {line.content});
  const std::string text(1'000'000, '\n');
  RegexRoom room(text.size());
  std::vector<TextPart> found;
  added.plain().parts(text, added.all(), room, found);
  REQUIRE(found.size() == text.size());
  REQUIRE(found.back().id == 1);
}
