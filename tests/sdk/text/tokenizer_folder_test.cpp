#include "text/tokenizer_folder.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "text/base64.hpp"
#include "text/sentencepiece.hpp"
#include "text/tiktoken.hpp"
#include "text/tokenizer.hpp"

using namespace strata;
using namespace strata::text;

namespace {

std::string refusal(const TokenizerFiles& files) {
  try {
    Tokenizer::from_files(files);
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

TokenizerFiles files() {
  return {.folder = "m",
          .config = R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "<s>"})",
          .vocab = R"({"a": 0, "b": 1, "ab": 2})",
          .merges = "#version: 0.2\na b\n"};
}

// A piece "a" of a sentencepiece model, with its kind.
std::string piece(std::string_view text, char kind) {
  const auto inner =
      std::string("\x0a") + static_cast<char>(text.size()) + std::string(text) + "\x18" + kind;
  return std::string("\x0a") + static_cast<char>(inner.size()) + inner;
}

}  // namespace

TEST_CASE("base64 is RFC 4648's", "[text][base64]") {
  const auto [bytes, text] = GENERATE(table<const char*, const char*>(
      {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}));
  REQUIRE(to_base64(bytes) == text);
  REQUIRE(from_base64(text) == bytes);
  REQUIRE(!from_base64("Zg="));
  REQUIRE(!from_base64("Z!=="));
}

TEST_CASE("a special token that no vocabulary has gets the next id", "[text][tokenizer_folder]") {
  const auto tokenizer = Tokenizer::from_files(files());
  REQUIRE(tokenizer.find("<s>") == 3);
  REQUIRE(tokenizer.encode("<s>abb") == std::vector<int32_t>{3, 2, 1});
}

TEST_CASE("config.json is read as Python reads it", "[text][tokenizer_folder]") {
  auto classless = files();
  classless.config = "";
  REQUIRE_THAT(refusal(classless), !Catch::Equals("taken"));
  classless.shape = R"({"model_type": "odd", "scale": NaN, "model_type": "gpt2"})";
  REQUIRE(Tokenizer::from_files(classless).encode("abb") == std::vector<int32_t>{2, 1});
}

TEST_CASE("a folder's malformed files are refused by their names", "[text][tokenizer_folder]") {
  auto odd = files();
  odd.vocab = R"({"a": 0, "b": 2000000000})";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/vocab.json: token 'b' has no id in its range"));
  odd.vocab = R"({"a": 0, "b": 0})";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/vocab.json: token 'b' has the id of another"));
  odd = files();
  odd.merges = "a \xff";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/merges.txt: byte 2 is not UTF-8"));
  odd = files();
  odd.config = R"({"tokenizer_class": "OddTokenizer"})";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/tokenizer_config.json: tokenizer_class "
                                               "'OddTokenizer' is not supported: known are GPT2"));
  odd.config = "";
  REQUIRE_THAT(
      refusal(odd),
      Catch::StartsWith("m/tokenizer_config.json: tokenizer_class is missing: known are "));
  odd.shape = R"({"model_type": "gpt2"})";
  REQUIRE(refusal(odd) == "taken");
  odd.shape = R"({"model_type": "odd"})";
  REQUIRE_THAT(refusal(odd), Catch::Contains("tokenizer_class is missing"));
  odd = files();
  odd.added = R"({"<x>": "4"})";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/added_tokens.json: '<x>' has no token's id"));
  odd.added = R"({"<x>": 4294967296})";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/added_tokens.json: '<x>' has no token's id"));
  odd = files();
  odd.special = "[]";
  REQUIRE_THAT(refusal(odd), Catch::StartsWith("m/special_tokens_map.json: it is no JSON object"));
  odd = files();
  odd.config = R"({"added_tokens_decoder": {"x": {"content": "a"}}})";
  REQUIRE_THAT(refusal(odd), Catch::Contains("'added_tokens_decoder.x' is no token's id"));
  odd.config = R"({"bos_token": 1})";
  REQUIRE_THAT(refusal(odd), Catch::Contains("'bos_token' is no token"));
  REQUIRE_THAT(refusal({.folder = "m"}), Catch::StartsWith("m: it has no tokenizer: "));
}

TEST_CASE("a class with steps of its own around sentencepiece's model is refused by its name",
          "[text][tokenizer_folder]") {
  const auto name = GENERATE("CodeLlamaTokenizerFast", "GPTSw3Tokenizer", "XGLMTokenizer");
  TokenizerFiles files{.folder = "m"};
  files.config = R"({"tokenizer_class": ")" + std::string(name) + R"("})";
  files.model = piece("<unk>", 2) + piece("a", 1);
  REQUIRE_THAT(refusal(files), Catch::StartsWith("m/tokenizer_config.json: tokenizer_class '") &&
                                   Catch::Contains("' is not supported: known are GemmaTokenizer"));
}

TEST_CASE("a malformed vocabulary of tiktoken is refused by its line", "[text][tiktoken]") {
  const auto [bytes, what] = GENERATE(table<const char*, const char*>({
      {"YQ== 0\nYg== 2\n", "t: line 2 does not have the rank 1"},
      {"YQ== 0\nYQ== 1\n", "t: line 2 has a token that was there before"},
      {"Y@== 0\n", "t: line 1 has no token in base64"},
      {"YQ== x\n", "t: line 1 does not have the rank 0"},
      {"\n", "t: it has no tokens"},
  }));
  REQUIRE_THROWS_WITH(parse_tiktoken(bytes, "t"), Catch::StartsWith(what));
  REQUIRE(parse_tiktoken("YQ== 0\r\n\nYg== 1", "t") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a malformed sentencepiece model is refused with the reason", "[text][sentencepiece]") {
  const auto good = piece("<unk>", 2) + piece("a", 1);
  REQUIRE(parse_sentencepiece(good, "t").pieces == std::vector<std::string>{"<unk>", "a"});
  const auto [bytes, what] = GENERATE_COPY(table<std::string, const char*>({
      {good + "\x0a\x7f", "it ends inside a field"},
      {good + "\x0b", "it has a field of wire type 3"},
      {good + std::string(12, '\xff'), "a number is too long"},
      {good + piece("", 1), "piece 2 is empty"},
      {good + piece("\xff", 1), "piece 2 is not UTF-8"},
      {good + piece("b", 9), "piece 2 is of an unknown kind"},
      {good + "\x12\x02\x18\x03", "its model is neither Unigram nor BPE"},
      {good + "\x12\x03\xc0\x02\x63", "its unk_id has no piece"},
      {"\x1a" + std::string(1, '\0'), "it has no pieces"},
  }));
  REQUIRE_THROWS_WITH(parse_sentencepiece(bytes, "t"),
                      Catch::StartsWith("t: no sentencepiece model: ") && Catch::Contains(what));
}
