#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_set>

#include "core/error.hpp"
#include "core/text/tokenizer_json.hpp"
#include "core/text/utf8.hpp"

namespace strata::text {
namespace {

using json = nlohmann::ordered_json;

// tokenizer.ggml.token_type; 1, 5 and 6 are tokens like others here.
enum TokenType : int32_t { unknown = 2, control = 3, user_defined = 4, last_type = 6 };

// The words of the models that a `pre` is named after, as their tokenizer.json has them: numbers in
// runs of three digits at most, or digit by digit.
constexpr auto runs_of_three =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr auto single_digits =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What a tokenizer.ggml.pre stands for.
struct Style {
  std::string_view pre;
  const char* words;  // null: those of GPT-2
  bool digits = false;
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};
constexpr std::array styles{
    Style{.pre = "gpt-2", .words = nullptr},
    Style{.pre = "smollm", .words = nullptr, .digits = true},
    Style{.pre = "llama-bpe", .words = runs_of_three, .ignore_merges = true, .add_bos = true},
    Style{.pre = "qwen2", .words = single_digits, .nfc = true},
};

const Style& style_of(const GgufVocabulary& vocabulary, const std::string& file) {
  if (vocabulary.model != "gpt2")
    throw Error(file,
                "tokenizer.ggml.model '" + printable(vocabulary.model, 60) + "' is not supported",
                "known is gpt2");
  std::string known;
  for (const auto& style : styles) {
    if (style.pre == vocabulary.pre) return style;
    known.append(known.empty() ? "" : ", ").append(style.pre);
  }
  throw Error(file, "tokenizer.ggml.pre '" + printable(vocabulary.pre, 60) + "' is not supported",
              "known are " + known);
}

json byte_level(bool words) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", words}};
}

json pre_tokenizer(const Style& style) {
  auto steps = json::array();
  if (style.digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (style.words)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", style.words}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back(byte_level(!style.words));
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

void check(const GgufVocabulary& vocabulary, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    throw Error(file, what, "convert the model to GGUF again");
  };
  const auto& [tokens, types] = std::tie(vocabulary.tokens, vocabulary.types);
  if (tokens.empty()) refuse("tokenizer.ggml.tokens is missing");
  if (types.size() != tokens.size())
    refuse("tokenizer.ggml.token_type has " + std::to_string(types.size()) + " elements for " +
           std::to_string(tokens.size()) + " tokens");
  std::unordered_set<std::string_view> seen;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const auto name = "token " + std::to_string(id) + " '" + printable(tokens[id], 60) + "' ";
    if (invalid_utf8(tokens[id])) refuse(name + "is not UTF-8");
    if (!seen.insert(tokens[id]).second) refuse(name + "is there twice");
    if (types[id] < 1 || types[id] > last_type)
      refuse(name + "has the type " + std::to_string(types[id]));
  }
  for (std::size_t i = 0; i < vocabulary.merges.size(); ++i)
    if (invalid_utf8(vocabulary.merges[i])) refuse("merge " + std::to_string(i) + " is not UTF-8");
}

json added_tokens(const GgufVocabulary& vocabulary) {
  auto out = json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const auto type = vocabulary.types[id];
    const bool special = type == unknown || type == control;
    if (!special && type != user_defined) continue;
    out.push_back({{"id", id},
                   {"content", vocabulary.tokens[id]},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", special}});
  }
  return out;
}

// The template that adds the beginning and the end that the file asks for, or null.
json post_processor(const GgufVocabulary& vocabulary, const Style& style, const std::string& file) {
  auto single = json::array();
  auto pair = json::array();
  auto tokens = json::object();
  const auto add = [&](std::string_view key, const std::optional<int32_t>& id) {
    if (!id || *id < 0 || static_cast<std::size_t>(*id) >= vocabulary.tokens.size())
      throw Error(file,
                  "tokenizer.ggml." + std::string(key) + "_token_id is " +
                      (id ? std::to_string(*id) : "missing") + " in a vocabulary of " +
                      std::to_string(vocabulary.tokens.size()),
                  "convert the model to GGUF again");
    const auto& name = vocabulary.tokens[static_cast<std::size_t>(*id)];
    tokens[name] = {{"id", name}, {"ids", {*id}}, {"tokens", {name}}};
    single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
    pair.push_back(single.back());
  };
  const bool bos = vocabulary.add_bos.value_or(style.add_bos);
  const bool eos = vocabulary.add_eos.value_or(false);
  if (!bos && !eos) return nullptr;
  if (bos) add("bos", vocabulary.bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back(single.back());
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  if (eos) add("eos", vocabulary.eos);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

}  // namespace

std::string gguf_tokenizer_json(const GgufVocabulary& vocabulary, const std::string& file) {
  const auto& style = style_of(vocabulary, file);
  check(vocabulary, file);
  json out;
  out["version"] = "1.0";
  out["truncation"] = nullptr;
  out["padding"] = nullptr;
  out["added_tokens"] = added_tokens(vocabulary);
  out["normalizer"] = style.nfc ? json{{"type", "NFC"}} : json(nullptr);
  out["pre_tokenizer"] = pre_tokenizer(style);
  out["post_processor"] = post_processor(vocabulary, style, file);
  out["decoder"] = byte_level(true);
  out["model"] = {{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", nullptr},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", false},
                  {"byte_fallback", false},
                  {"ignore_merges", style.ignore_merges},
                  {"vocab", json::object()},
                  {"merges", vocabulary.merges}};
  // An ordered object looks through all of its keys for each new one.
  auto& vocab = out["model"]["vocab"].get_ref<json::object_t&>();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    vocab.json::object_t::Container::emplace_back(vocabulary.tokens[id], id);
  return out.dump();
}

}  // namespace strata::text
