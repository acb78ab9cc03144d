#include "text/tokenizer.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "text/stopping_text.hpp"
#include "text/text_stream.hpp"

using namespace strata;
using namespace strata::text;
using nlohmann::json;

namespace {

using Ids = std::vector<int32_t>;

// Two letters, the bytes of U+00E9, a merge, and a special token.
json description() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 6, "content": "<s>", "single_word": false, "lstrip": false,
                      "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ã": 2, "©": 3, "ab": 4, "Ġ": 5},
              "merges": ["a b"]}})");
}

Tokenizer make(const json& value) { return Tokenizer::from_json(value.dump(), "t.json"); }

// The error's line for the description with `patch` merged into it.
std::string refusal(const char* patch) {
  auto value = description();
  value.merge_patch(json::parse(patch));
  try {
    make(value);
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("text becomes ids and ids text", "[text][tokenizer]") {
  const auto tokenizer = make(description());
  const std::string text = "ab b<s>a\u00e9";
  const Ids ids{4, 5, 1, 6, 0, 2, 3};
  REQUIRE(tokenizer.encode(text) == ids);
  REQUIRE(tokenizer.decode(ids, false) == text);
  REQUIRE(tokenizer.decode(ids, true) == "ab ba\u00e9");
  REQUIRE(tokenizer.vocab_size() == 7);
  REQUIRE(tokenizer.piece(5) == "\u0120");
  REQUIRE(tokenizer.find("<s>") == 6);
  REQUIRE(tokenizer.find("ab") == 4);
  REQUIRE(!tokenizer.find("c"));
  REQUIRE(tokenizer.is_special(6));
  REQUIRE(!tokenizer.is_special(4));
}

TEST_CASE("merges may be spelled as pairs", "[text][tokenizer]") {
  auto value = description();
  value["model"]["merges"] = json::parse(R"([["a", "b"]])");
  REQUIRE(make(value).encode("ab") == Ids{4});
}

TEST_CASE("a character streams when its last byte arrives", "[text][text_stream]") {
  const auto tokenizer = make(description());
  TextStream stream(tokenizer, true);
  REQUIRE(stream.add(0) == "a");
  REQUIRE(stream.add(2).empty());
  REQUIRE(stream.add(6).empty());
  REQUIRE(stream.add(3) == "\u00e9");
  REQUIRE(stream.add(2).empty());
  REQUIRE(stream.add(1) == "\ufffdb");
  REQUIRE(stream.add(2).empty());
  REQUIRE(stream.finish() == "\ufffd");
  REQUIRE(stream.finish().empty());
}

TEST_CASE("an id without a token is named with the vocabulary's size", "[text][tokenizer]") {
  const auto tokenizer = make(description());
  for (const int32_t id : {-1, 7, 2'000'000'000}) {
    const auto line = "t.json: id " + std::to_string(id) +
                      " has no token in a vocabulary of 7: give ids of this vocabulary";
    REQUIRE_THROWS_WITH(tokenizer.decode(Ids{0, id}, true), line);
    REQUIRE_THROWS_WITH(tokenizer.piece(id), line);
    REQUIRE_THROWS_WITH(tokenizer.is_special(id), line);
  }
}

TEST_CASE("a generated id without a token gives no text", "[text][text_stream]") {
  const auto tokenizer = make(description());
  StoppingText text(tokenizer, {"ab"});
  REQUIRE(text.add(0).empty());  // an a, which could become the stop text
  REQUIRE(text.add(7).empty());
  REQUIRE(text.add(0) == "a");
  REQUIRE(text.add(2'000'000'000).empty());
  REQUIRE(text.add(1).empty());
  REQUIRE(text.stopped());
}

TEST_CASE("a stop text with a special token in it ends the text, which leaves the token out",
          "[text][text_stream]") {
  const auto tokenizer = make(description());
  const auto text = [&](std::vector<std::string> stops, const Ids& ids) {
    StoppingText stream(tokenizer, std::move(stops));
    std::string out;
    for (const auto id : ids) out += stream.add(id);
    return out + stream.finish() + (stream.stopped() ? "." : "");
  };
  REQUIRE(text({"<s>"}, {0, 1, 6, 0}) == "ab.");
  REQUIRE(text({"b<s>a"}, {0, 1, 6, 0}) == "a.");
  REQUIRE(text({"b<s>a"}, {0, 1, 6, 1}) == "abb");
  REQUIRE(text({"s>a"}, {0, 6, 0, 0}) == "a.");
  REQUIRE(text({}, {0, 6, 2, 6, 3}) == "a\u00e9");
}

TEST_CASE("added tokens are numbered on, and a warning says where the file differs",
          "[text][tokenizer]") {
  auto value = description();
  value["added_tokens"].push_back({{"id", 9}, {"content", "<x>"}, {"special", true}});
  value["added_tokens"].push_back({{"id", 3}, {"content", "<y>"}});
  value["added_tokens"].push_back(value["added_tokens"][0]);
  const auto tokenizer = make(value);
  REQUIRE(tokenizer.encode("<y><x><s>") == Ids{8, 7, 6});
  REQUIRE(
      tokenizer.warnings() ==
      std::vector<std::string>{
          "t.json: added_tokens: '<x>' has the id 7 and not 9, nor have 1 others theirs: ids go "
          "on from the vocabulary's end, as in the package tokenizers"});
  REQUIRE(make(description()).warnings().empty());
}

TEST_CASE("an unk_token that the vocabulary lacks is missed by the text that needs it",
          "[text][tokenizer]") {
  auto value = description();
  value["model"]["unk_token"] = "?";
  REQUIRE(make(value).encode("ab") == Ids{4});
  REQUIRE_THROWS_WITH(
      make(value).encode("ac"),
      "t.json: the unk_token '?' that the text needs is not in the vocabulary: give "
      "another text or tokenizer");
}

TEST_CASE("text that is not UTF-8 is refused", "[text][tokenizer]") {
  REQUIRE_THROWS_WITH(make(description()).encode("ab\xff"),
                      "text: byte 2 is not UTF-8: give UTF-8 text");
}

TEST_CASE("a hostile pattern ends in one line that names the file", "[text][tokenizer]") {
  auto value = description();
  value["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "(?:a+)+(?:a+)+[bc]"}, "behavior": "Isolated"},
    {"type": "ByteLevel", "add_prefix_space": false}]})");
  REQUIRE_THROWS_WITH(make(value).encode(std::string(64, 'a')),
                      "t.json: match limit exceeded: give another text or tokenizer");
}

TEST_CASE("what is malformed or not supported is refused by its name", "[text][tokenizer]") {
  const auto [patch, what] = GENERATE(table<const char*, const char*>({
      {R"({"what": 1})", "key 'what' is not known"},
      {R"({"version": "2.0"})", "version '2.0' is not supported"},
      {R"({"decoder": {"type": "CTC"}})", "decoder of type 'CTC' is not supported"},
      {R"({"decoder": {"type": null}})", "decoder has no type"},
      {R"({"normalizer": {"type": "Odd"}})", "normalizer of type 'Odd' is not supported"},
      {R"({"pre_tokenizer": {"type": "UnicodeScripts"}})",
       "pre_tokenizer of type 'UnicodeScripts' is not supported"},
      {R"({"pre_tokenizer": {"odd": 1}})", "key 'pre_tokenizer.odd' is not known"},
      {R"({"model": {"type": "Odd"}})", "model of type 'Odd' is not supported"},
      {R"({"model": {"type": "Unigram", "merges": null}})", "'model.vocab' is no array"},
      {R"({"model": {"dropout": 0.5}})", "model.dropout '0.5' is not supported"},
      {R"({"model": {"unk_token": 1}})", "'model.unk_token' is no string"},
      {R"({"model": {"ignore_merges": 1}})", "'model.ignore_merges' is neither true nor false"},
      {R"({"model": {"vocab": []}})", "model.vocab is no object"},
      {R"({"model": {"vocab": {"c": -1}}})", "model.vocab: token 'c' has no id"},
      {R"({"model": {"vocab": {"c": 1}}})", "model.vocab: token 'c' has the id 1 of token 'b'"},
      {R"({"model": {"vocab": {"c": 2000000000}}})",
       "model.vocab: token 'c' has id 2000000000 in a vocabulary of 7"},
      {R"({"model": {"merges": ["a b", "a c"]}})", "model.merges[1]: 'c' is not in the vocab"},
      {R"({"model": {"merges": ["a  b"]}})", "model.merges[0] \"a  b\" is not two tokens"},
      {R"({"model": {"merges": [["a"]]}})", "model.merges[0] [\"a\"] is not two tokens"},
      {R"({"added_tokens": 1})", "'added_tokens' is no array"},
      {R"({"added_tokens": [{"id": 2147483647, "content": "c"}]})",
       "added_tokens[0].id is out of range"},
      {R"({"post_processor": {"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 99]}})",
       "'post_processor.sep' has the id 99, which is no token"},
      {R"({"post_processor": {"type": "TemplateProcessing", "single": [], "special_tokens": {}}})",
       "post_processor.single has no sequence A"},
      {R"({"post_processor": {"type": "TemplateProcessing", "special_tokens": {},
           "single": [{"SpecialToken": {"id": "x"}}]}})",
       "post_processor.special_tokens has no 'x'"},
      {R"({"post_processor": {"type": "TemplateProcessing", "special_tokens": {"x": {"ids": [99]}},
           "single": [{"SpecialToken": {"id": "x"}}]}})",
       "post_processor.special_tokens.x.ids has 99, which is no token"},
  }));
  CAPTURE(patch);
  REQUIRE_THAT(refusal(patch), Catch::StartsWith("t.json: ") && Catch::Contains(what));
}

TEST_CASE("pre-tokenizers are refused by their place", "[text][tokenizer]") {
  const auto [steps, what] = GENERATE(table<const char*, const char*>({
      {R"([{"type": "Odd"}])",
       "pre_tokenizer.pretokenizers[0] of type 'Odd' is not supported: known are Split, Digits"},
      {R"([{"type": "Metaspace", "replacement": "ab"}])",
       "'pre_tokenizer.pretokenizers[0].replacement' is not one character"},
      {R"([{"type": "Metaspace", "replacement": "_", "prepend_scheme": "odd"}])",
       "pre_tokenizer.pretokenizers[0].prepend_scheme 'odd' is not supported"},
      {R"([{"type": "Split", "pattern": {"Regex": "[[:alpha:]]"}, "behavior": "Isolated"}])",
       "pre_tokenizer.pretokenizers[0].pattern: '[:' at byte 1 is not supported"},
      {R"([{"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Odd"}])",
       "pre_tokenizer.pretokenizers[0].behavior 'Odd' is not supported"},
  }));
  auto value = description();
  value["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::parse(steps)}};
  CAPTURE(steps);
  REQUIRE_THROWS_WITH(make(value), Catch::Contains(what));
}

TEST_CASE("bytes that are no JSON are refused with their place", "[text][tokenizer]") {
  const auto whole = description().dump();
  for (std::size_t size = 0; size < whole.size(); size += 7)
    REQUIRE_THROWS_WITH(Tokenizer::from_json(whole.substr(0, size), "t.json"),
                        Catch::StartsWith("t.json: not JSON at byte "));
  REQUIRE_THROWS_WITH(Tokenizer::from_json(std::string(100'000, '['), "t.json"),
                      "t.json: JSON nested deeper than 64 levels: give a whole t.json");
  REQUIRE_THROWS_WITH(Tokenizer::from_json("[1e999]", "t.json"),
                      "t.json: not JSON: a number is out of range: give a whole t.json");
  REQUIRE_THROWS_WITH(Tokenizer::from_json("[]", "t.json"),
                      Catch::StartsWith("t.json: the file is no JSON object"));
}

TEST_CASE("the last of two equal keys counts, as in the library tokenizers", "[text][tokenizer]") {
  auto twice = description().dump();
  const std::string once = R"("b":1)";
  const auto at = twice.find(once);
  REQUIRE(at != twice.npos);
  REQUIRE(Tokenizer::from_json(twice.replace(at, once.size(), R"("b":5000,"b":1)"), "t.json")
              .encode("b") == Ids{1});
}
