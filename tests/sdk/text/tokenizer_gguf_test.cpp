#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/source/gguf_ends.hpp"
#include "text/tokenizer.hpp"

using namespace strata;
using namespace strata::text;

namespace {

using Ids = std::vector<int32_t>;

source::GgufVocabulary vocabulary() {
  source::GgufVocabulary out;
  out.model = "gpt2";
  out.pre = "gpt-2";
  out.tokens = {"<s>", "</s>", "<tool>", "a", "1", "\u0120", "11", "never"};
  out.types = {3, 3, 4, 1, 1, 1, 1, 5};
  out.merges = {"1 1"};
  out.bos = 0;
  out.eos = 1;
  return out;
}

Ids encode(const source::GgufVocabulary& value, std::string_view text) {
  return Tokenizer::from_gguf(value, "m.gguf").encode(text);
}

std::string refusal(const source::GgufVocabulary& value) {
  try {
    Tokenizer::from_gguf(value, "m.gguf");
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("a token's type says whether it is found in text and whether it is special",
          "[text][tokenizer_gguf]") {
  const auto tokenizer = Tokenizer::from_gguf(vocabulary(), "m.gguf");
  REQUIRE(tokenizer.encode("<s>a<tool>never") == Ids{0, 3, 2});
  REQUIRE(tokenizer.is_special(0));
  REQUIRE(!tokenizer.is_special(2));
  REQUIRE(tokenizer.vocab_size() == 8);
}

TEST_CASE("digits go one by one where pre says so", "[text][tokenizer_gguf]") {
  auto value = vocabulary();
  REQUIRE(encode(value, "11") == Ids{6});
  value.pre = "smollm";
  REQUIRE(encode(value, "11") == Ids{4, 4});
  value.pre = "qwen2";
  REQUIRE(encode(value, "11") == Ids{4, 4});
}

TEST_CASE("the beginning and the end are added where the file or pre says so",
          "[text][tokenizer_gguf]") {
  auto value = vocabulary();
  REQUIRE(encode(value, "a") == Ids{3});
  value.add_eos = true;
  REQUIRE(encode(value, "a") == Ids{3, 1});
  value.add_bos = true;
  REQUIRE(encode(value, "a") == Ids{0, 3, 1});
  REQUIRE(Tokenizer::from_gguf(value, "m.gguf").encode("a", false) == Ids{3});
  value.add_bos.reset();
  value.pre = "llama-bpe";
  REQUIRE(encode(value, "a") == Ids{0, 3, 1});
  value.add_bos = false;
  REQUIRE(encode(value, "a") == Ids{3, 1});
}

TEST_CASE("the description that is written gives the same tokenizer", "[text][tokenizer_gguf]") {
  auto value = vocabulary();
  value.add_bos = true;
  const auto first = Tokenizer::from_gguf(value, "m.gguf");
  const auto again = Tokenizer::from_json(first.to_json(), "tokenizer.json");
  REQUIRE(again.encode("<s>a 11") == Ids{0, 0, 3, 5, 6});
  REQUIRE(again.to_json() == first.to_json());
}

TEST_CASE("characters merge where pre or the model says so, and others are bytes",
          "[text][tokenizer_gguf]") {
  source::GgufVocabulary value;
  value.model = "gemma4";
  value.tokens = {"<unk>", "<s>", "\u2581", "a", "b", "\u2581a", "ab", "<0x0A>"};
  value.types = {2, 3, 1, 1, 1, 1, 1, 6};
  value.merges = {"a b", "\u2581 a"};
  value.bos = 1;
  value.unk = 0;
  REQUIRE(encode(value, "ab a\nc") == Ids{1, 6, 5, 7, 0});
  value.model = "gpt2";
  value.pre = "sarvam-moe";
  REQUIRE(encode(value, "ab a\nc") == Ids{6, 5, 7, 0});
}

TEST_CASE("sentencepiece's tokens merge by their scores", "[text][tokenizer_gguf]") {
  source::GgufVocabulary value;
  value.model = "llama";
  value.tokens = {"<unk>", "<s>", "\u2581", "a", "b", "\u2581a", "ab", "<0x0A>"};
  value.types = {2, 3, 1, 1, 1, 1, 1, 6};
  value.scores = {0, 0, -3, -3, -3, -2, -1, 0};
  value.bos = 1;
  value.unk = 0;
  // "ab" is the better of the two, and each text begins with a space.
  REQUIRE(encode(value, "ab\na") == Ids{1, 2, 6, 7, 3});
  const auto tokenizer = Tokenizer::from_gguf(value, "m.gguf");
  REQUIRE(tokenizer.decode(Ids{1, 2, 6, 7, 3}, true) == "ab\na");
  value.add_space_prefix = false;
  REQUIRE(encode(value, "ab a") == Ids{1, 6, 5});
  value.bos.reset();
  value.unk.reset();
  REQUIRE(encode(value, "abc") == Ids{1, 6, 0});
}

TEST_CASE("metadata that is malformed or not supported is refused by its key",
          "[text][tokenizer_gguf]") {
  auto value = vocabulary();
  value.model = "rwkv";
  REQUIRE(refusal(value) ==
          "m.gguf: tokenizer.ggml.model 'rwkv' is not supported: known are gemma4, gpt2 and llama");
  value = vocabulary();
  value.pre = GENERATE("", "default");
  REQUIRE_THAT(refusal(value),
               Catch::StartsWith("m.gguf: tokenizer.ggml.pre does not say how the model cuts text: "
                                 "convert the model to GGUF again"));
  value.pre = "odd";
  REQUIRE_THAT(refusal(value),
               Catch::StartsWith("m.gguf: tokenizer.ggml.pre 'odd' is not supported: known are "
                                 "gpt-2 phi-2 gigachat "));
  value.model = "llama";
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: tokenizer.ggml.scores has 0 elements for "
                                                 "8 tokens"));
  value = vocabulary();
  value.tokens.clear();
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: tokenizer.ggml.tokens is missing"));
  value = vocabulary();
  value.types.pop_back();
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: tokenizer.ggml.token_type has 7 elements "
                                                 "for 8 tokens"));
  value = vocabulary();
  value.types[3] = 7;
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: token 3 'a' has the type 7"));
  value = vocabulary();
  value.tokens[4] = "a";
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: token 4 'a' is there twice"));
  value = vocabulary();
  value.tokens[4] = "\xff";
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: token 4 '\\xff' is not UTF-8"));
  value = vocabulary();
  value.merges.emplace_back("1 \xff");
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: merge 1 is not UTF-8"));
  value = vocabulary();
  value.merges.emplace_back("1 2");
  REQUIRE_THAT(refusal(value),
               Catch::StartsWith("m.gguf: model.merges[1]: '2' is not in the vocab"));
  value = vocabulary();
  value.add_bos = true;
  value.bos = 8;
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: tokenizer.ggml.bos_token_id is 8 in a "
                                                 "vocabulary of 8"));
  value.bos.reset();
  REQUIRE_THAT(refusal(value), Catch::StartsWith("m.gguf: tokenizer.ggml.bos_token_id is missing"));
}

TEST_CASE("a GGUF model's text ends at the tokens that are named and spelled as ends",
          "[text][gguf_ends]") {
  const auto ends = [](std::vector<std::string> tokens, std::optional<int32_t> eos,
                       std::vector<int32_t> named) {
    source::GgufVocabulary vocabulary;
    vocabulary.types.assign(tokens.size(), 1);
    vocabulary.tokens = std::move(tokens);
    vocabulary.eos = eos;
    source::find_ends(named, vocabulary);
    for (const auto id : vocabulary.ends)
      if (id != eos && std::ranges::find(named, id) == named.end())
        REQUIRE(vocabulary.types[static_cast<std::size_t>(id)] == 3);
    return vocabulary.ends;
  };
  using Ids = std::vector<int32_t>;
  REQUIRE(ends({"a", "b", "c"}, 1, {2, 1, 2}) == Ids{1, 2});
  REQUIRE(ends({"a", "<end_of_turn>", "<|im_end|>"}, 0, {}) == Ids{0, 2, 1});
  REQUIRE(ends({"a", "<|end|>", "<|call|>", "<|return|>"}, std::nullopt, {}) == Ids{3, 2});
  REQUIRE(ends({"<|end|>", "<|calls|>", "<|flush|>"}, std::nullopt, {}) == Ids{2, 1});
  REQUIRE(ends({"<|end|>", "<|call|>"}, std::nullopt, {}) == Ids{0, 1});
  REQUIRE(ends({"</s>", "<|tool_response>"}, std::nullopt, {}) == Ids{1});
  REQUIRE(ends({"<PAD>", "<|fim_pad|>", "<|file_sep|>"}, std::nullopt, {}) == Ids{1, 2});
  REQUIRE(ends({"a"}, std::nullopt, {}).empty());
}
