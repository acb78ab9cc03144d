#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <unordered_set>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "text/description.hpp"
#include "text/gguf_styles.hpp"
#include "text/tokenizer_json.hpp"

namespace strata::text {
namespace {

// tokenizer.ggml.token_type; types 1, 5 and 6 are ordinary tokens here.
enum TokenType : int32_t { unknown = 2, control = 3, user_defined = 4, last_type = 6 };

void check(const source::GgufVocabulary& vocabulary, const std::string& file) {
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

Description added_tokens(const source::GgufVocabulary& vocabulary) {
  auto out = Description::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const auto type = vocabulary.types[id];
    const bool special = type == unknown || type == control;
    if (special || type == user_defined)
      out.push_back(added_token(static_cast<int64_t>(id), vocabulary.tokens[id], special));
  }
  return out;
}

// The token of `key`, where the file or else its model's kind wants it.
std::optional<Marker> marker(const source::GgufVocabulary& vocabulary, std::string_view key,
                             bool wanted, const std::optional<int32_t>& id,
                             const std::string& file) {
  if (!wanted) return std::nullopt;
  if (!id || *id < 0 || static_cast<std::size_t>(*id) >= vocabulary.tokens.size())
    throw Error(file,
                "tokenizer.ggml." + std::string(key) + "_token_id is " +
                    (id ? std::to_string(*id) : "missing") + " in a vocabulary of " +
                    std::to_string(vocabulary.tokens.size()),
                "convert the model to GGUF again");
  return Marker{vocabulary.tokens[static_cast<std::size_t>(*id)], *id};
}

// Describes byte-level BPE by the meaning of `pre`.
void describe_byte_level(const source::GgufVocabulary& vocabulary, const GgufStyle& style,
                         Description& out) {
  if (style.nfc) out["normalizer"] = {{"type", "NFC"}};
  out["pre_tokenizer"] = pre_tokenizer_of(style);
  out["decoder"] = byte_level_step(true);
  out["model"] = bpe_model({.ignore_merges = style.ignore_merges},
                           vocabulary_object(vocabulary.tokens), vocabulary.merges);
}

// The token for characters that have none.
std::optional<std::string> unknown_token(const source::GgufVocabulary& vocabulary,
                                         int32_t otherwise) {
  const auto id = vocabulary.unk.value_or(otherwise);
  const auto& tokens = vocabulary.tokens;
  if (id < 0 || static_cast<std::size_t>(id) >= tokens.size()) return std::nullopt;
  return tokens[static_cast<std::size_t>(id)];
}

// Describes BPE of characters with stored merges; characters without a token become bytes.
void describe_signs(const source::GgufVocabulary& vocabulary, const GgufStyle& style,
                    Description& out) {
  out["normalizer"] = replace_step(" ", "\u2581");
  out["decoder"] = sentencepiece_decoder(false, true);
  out["model"] = bpe_model({.unknown = unknown_token(vocabulary, -1),
                            .fuse_unknown = true,
                            .byte_fallback = true,
                            .ignore_merges = style.ignore_merges},
                           vocabulary_object(vocabulary.tokens), vocabulary.merges);
}

// Describes sentencepiece's BPE, with the merges of the best token first.
void describe_sentencepiece(const source::GgufVocabulary& vocabulary, const std::string& file,
                            Description& out) {
  const auto& tokens = vocabulary.tokens;
  const auto& scores = vocabulary.scores;
  if (scores.size() != tokens.size())
    throw Error(file,
                "tokenizer.ggml.scores has " + std::to_string(scores.size()) + " elements for " +
                    std::to_string(tokens.size()) + " tokens",
                "convert the model to GGUF again");
  const auto score = [&](int32_t id) { return scores[static_cast<std::size_t>(id)]; };
  std::vector<int32_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  if (std::any_of(scores.begin(), scores.end(), [](double s) { return std::isnan(s); }))
    throw Error(file, "tokenizer.ggml.scores has one that is no number",
                "convert the model to GGUF again");
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return score(a) > score(b); });
  const bool space = vocabulary.add_space_prefix.value_or(true);
  auto steps = Description::array();
  if (space) steps.push_back({{"type", "Prepend"}, {"prepend", "\u2581"}});
  steps.push_back(replace_step(" ", "\u2581"));
  out["normalizer"] = sequence("normalizers", std::move(steps));
  out["decoder"] = sentencepiece_decoder(space, true);
  out["model"] = bpe_model(
      {.unknown = unknown_token(vocabulary, 0), .fuse_unknown = true, .byte_fallback = true},
      vocabulary_object(tokens), merges_of(tokens, order, Cuts::characters));
}

}  // namespace

std::string gguf_tokenizer_json(const source::GgufVocabulary& vocabulary, const std::string& file) {
  const auto& model = vocabulary.model;
  const bool sentencepiece = model == "llama";
  if (!sentencepiece && model != "gpt2" && model != "gemma4")
    throw Error(file, "tokenizer.ggml.model '" + printable(model, 60) + "' is not supported",
                "known are gemma4, gpt2 and llama");
  const auto& pre = model == "gemma4" ? model : vocabulary.pre;
  const auto* style = sentencepiece ? nullptr : gguf_style(pre);
  if (!sentencepiece && (pre.empty() || pre == "default"))
    throw Error(file, "tokenizer.ggml.pre does not say how the model cuts text",
                "convert the model to GGUF again, with a converter that knows it");
  if (!style && !sentencepiece)
    throw Error(file, "tokenizer.ggml.pre '" + printable(pre, 60) + "' is not supported",
                "known are " + known_gguf_styles());
  check(vocabulary, file);
  auto out = empty_description();
  out["added_tokens"] = added_tokens(vocabulary);
  // sentencepiece's default ids replace those that the file does not have.
  const auto id = [&](const std::optional<int32_t>& given, int32_t otherwise) {
    return given || !sentencepiece ? given : std::optional(otherwise);
  };
  const bool bos = vocabulary.add_bos.value_or(style ? style->add_bos : true);
  const bool eos = vocabulary.add_eos.value_or(false);
  out["post_processor"] = template_of(marker(vocabulary, "bos", bos, id(vocabulary.bos, 1), file),
                                      marker(vocabulary, "eos", eos, id(vocabulary.eos, 2), file));
  if (!style)
    describe_sentencepiece(vocabulary, file, out);
  else if (style->signs)
    describe_signs(vocabulary, *style, out);
  else
    describe_byte_level(vocabulary, *style, out);
  return out.dump();
}

}  // namespace strata::text
