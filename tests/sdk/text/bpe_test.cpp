#include "text/bpe.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace strata::text;

namespace {

using Ids = std::vector<int32_t>;

Vocabulary vocabulary(const std::vector<std::string>& tokens) {
  Vocabulary out;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    out.insert(tokens[i], static_cast<int64_t>(i), tokens.size());
  return out;
}

Ids encode(const Bpe& bpe, std::string_view word) {
  WordCache cache(word.size());
  Ids first;
  bpe.encode(word, cache, first);
  Ids again;
  bpe.encode(word, cache, again);
  REQUIRE(again == first);
  return first;
}

}  // namespace

TEST_CASE("the best merge is done first, then those that it makes possible", "[text][bpe]") {
  // a b c ab bc abc
  const Bpe bpe(vocabulary({"a", "b", "c", "ab", "bc", "abc"}),
                {{1, 2, 0, 4}, {0, 1, 1, 3}, {0, 4, 2, 5}}, {});
  REQUIRE(encode(bpe, "abc") == Ids{5});
  REQUIRE(encode(bpe, "abab") == Ids{3, 3});
  REQUIRE(encode(bpe, "aabcb") == Ids{0, 5, 1});
  REQUIRE(encode(bpe, "").empty());
}

TEST_CASE("of equal merges the leftmost is done first", "[text][bpe]") {
  const Bpe bpe(vocabulary({"a", "aa"}), {{0, 0, 0, 1}}, {});
  REQUIRE(encode(bpe, "aaa") == Ids{1, 0});
  REQUIRE(encode(bpe, std::string(1'000'001, 'a')).size() == 500'001);
}

TEST_CASE("a character without a token falls away, or is the unknown token", "[text][bpe]") {
  const std::vector<std::string> tokens{"a", "<unk>", "aa"};
  const std::vector<Merge> merges{{0, 0, 0, 2}};
  REQUIRE(encode(Bpe(vocabulary(tokens), merges, {}), "axxa") == Ids{2});
  REQUIRE(encode(Bpe(vocabulary(tokens), merges, {.unknown = 1}), "axxa") == Ids{0, 1, 1, 0});
  REQUIRE(encode(Bpe(vocabulary(tokens), merges, {.unknown = 1, .fuse_unknown = true}), "axxax") ==
          Ids{0, 1, 0, 1});
}

TEST_CASE("a whole word is its token where merges are ignored for it", "[text][bpe]") {
  const std::vector<std::string> tokens{"a", "b", "ab", "\u0120ab"};
  REQUIRE(encode(Bpe(vocabulary(tokens), {}, {.ignore_merges = true}), "ab") == Ids{2});
  REQUIRE(encode(Bpe(vocabulary(tokens), {}, {.ignore_merges = true}), "\u0120ab") == Ids{3});
  REQUIRE(encode(Bpe(vocabulary(tokens), {}, {}), "ab") == Ids{0, 1});
}

TEST_CASE("a long word that no token reaches over falls apart to the same ids", "[text][bpe]") {
  // Neither "ba" nor "\u00e9" is in a token, so the cuts lie there.
  const Bpe bpe(vocabulary({"a", "b", "ab", "abb", "?", "aa"}), {{0, 1, 0, 2}, {2, 1, 1, 3}},
                {.unknown = 4, .fuse_unknown = true});
  std::string word;
  Ids expected;
  for (int i = 0; i < 1000; ++i) {
    word += i % 2 ? "aabb" : "ab\u00e9\u00e9";
    for (const int32_t id : i % 2 ? Ids{0, 3} : Ids{2, 4}) expected.push_back(id);
  }
  REQUIRE(encode(bpe, word) == expected);
}

TEST_CASE("a character without a token is its bytes, where all have tokens", "[text][bpe]") {
  const std::vector<std::string> tokens{"a", "?", "<0xC3>", "<0xA9>", "<0xE2>"};
  const auto encoded = [&](const char* word) {
    return encode(Bpe(vocabulary(tokens), {}, {.unknown = 1, .byte_fallback = true}), word);
  };
  REQUIRE(encoded("a\u00e9a") == Ids{0, 2, 3, 0});
  // The unknown token waits for the next character that has one.
  REQUIRE(encoded("\u20ac\u00e9a") == Ids{2, 3, 1, 0});
}

TEST_CASE("words that share a place in what is known keep their own ids", "[text][bpe]") {
  const Bpe bpe(vocabulary({"a", "b", "c"}), {}, {});
  WordCache cache(1000);
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 20000; ++i) {
      std::string word;
      Ids expected;
      for (int rest = i; rest > 0; rest /= 3) {
        word += static_cast<char>('a' + rest % 3);
        expected.push_back(rest % 3);
      }
      Ids ids;
      bpe.encode(word, cache, ids);
      REQUIRE(ids == expected);
    }
}

TEST_CASE("a vocabulary refuses an id or a token twice, and an id far out", "[text][bpe]") {
  auto tokens = vocabulary({"a", "b"});
  REQUIRE_THROWS_WITH(tokens.insert("c", 1, 3), "token 'c' has the id 1 of token 'b'");
  REQUIRE_THROWS_WITH(tokens.insert("a", 2, 3), "token 'a' has the ids 0 and 2");
  REQUIRE_THROWS_WITH(tokens.insert("c", 2'000'000'000, 3),
                      "token 'c' has id 2000000000 in a vocabulary of 3");
}
