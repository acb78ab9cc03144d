#include "text/token_cuts.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/json.hpp"

using namespace strata;
using namespace strata::text;

namespace {

// Words of whole texts, with the token <t> between them and the normalizer given as JSON.
Tokenizer words(const char* normalizer) {
  auto file = Json::parse(R"({
    "version": "1.0",
    "added_tokens": [{"id": 9, "content": "<t>", "special": true, "normalized": false,
                      "single_word": false, "lstrip": true, "rstrip": false}],
    "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "é": 4, " ": 5},
              "merges": ["a b"]}})");
  file["normalizer"] = Json::parse(normalizer);
  return Tokenizer::from_json(file.dump(), "words");
}

std::vector<std::pair<std::size_t, std::size_t>> cuts(const Tokenizer& tokenizer,
                                                      std::string_view text,
                                                      std::vector<std::size_t> places) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  const auto cut = encode_cut(tokenizer, text, places, false);
  REQUIRE(cut.ids == tokenizer.encode(text, false));
  for (const auto& one : cut.cuts) out.emplace_back(one.before, one.after);
  return out;
}

using Cuts = std::vector<std::pair<std::size_t, std::size_t>>;

}  // namespace

TEST_CASE("a place between two tokens cuts the ids there", "[text]") {
  const auto tokenizer = words("null");
  // c ab <t> ab é
  REQUIRE(cuts(tokenizer, "cab<t>abé", {0, 1, 3, 6, 8, 10}) ==
          Cuts{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}});
}

TEST_CASE("a token on both sides of a place lies between the two numbers of the cut", "[text]") {
  const auto tokenizer = words("null");
  REQUIRE(cuts(tokenizer, "cab", {2}) == Cuts{{1, 2}});
  REQUIRE(cuts(tokenizer, "<t>abc", {4, 5}) == Cuts{{1, 2}, {2, 2}});
  // The token takes the space before it.
  REQUIRE(cuts(tokenizer, "c <t>c", {1, 2, 5}) == Cuts{{1, 1}, {1, 2}, {2, 2}});
}

TEST_CASE("places in a text that the normalizer changes are found or refused", "[text]") {
  const auto lower = words(R"({"type": "Lowercase"})");
  REQUIRE(cuts(lower, "CAB", {1}) == Cuts{{1, 1}});
  REQUIRE_THROWS_WITH(cuts(lower, "CAB", {2}), Catch::Contains("cannot be told apart at byte 2"));
}
