#include "app/new_text.hpp"

#include <catch2/catch.hpp>

#include "text/tokenizer.hpp"

using namespace strata;
using Texts = std::vector<std::string>;

namespace {

// The letters a, b and c are the tokens 0, 1 and 2.
text::Tokenizer letters() {
  return text::Tokenizer::from_json(R"({
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
    "post_processor": null, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}})",
                                    "t.json");
}

}  // namespace

TEST_CASE("rows have texts of their own, told once and piece by piece", "[app][text]") {
  const auto tokenizer = letters();
  app::NewText text(tokenizer, 2, {});
  CHECK_FALSE(text.add(0, 0));
  CHECK_FALSE(text.add(1, 2));
  CHECK(text.fresh(0) == "a");
  CHECK(text.fresh(0).empty());
  CHECK_FALSE(text.add(0, 1));
  text.end(0);
  CHECK(text.fresh(0) == "b");
  CHECK(text.texts() == Texts{"ab", "c"});
  CHECK(text.pieces() == std::vector<Texts>{{"a", "b"}, {"c"}});
}

TEST_CASE("a stop text ends its row and is left out", "[app][text]") {
  const auto tokenizer = letters();
  app::NewText text(tokenizer, 1, {"bc"});
  CHECK_FALSE(text.add(0, 0));
  CHECK_FALSE(text.add(0, 1));
  CHECK(text.fresh(0) == "a");  // "b" might begin the stop text
  CHECK(text.add(0, 2));
  text.end(0);
  CHECK(text.texts() == Texts{"a"});
}

TEST_CASE("text that waits for a stop text comes at the end", "[app][text]") {
  const auto tokenizer = letters();
  app::NewText text(tokenizer, 1, {"bc"});
  CHECK_FALSE(text.add(0, 1));
  CHECK(text.fresh(0).empty());
  text.end(0);
  CHECK(text.fresh(0) == "b");
}
