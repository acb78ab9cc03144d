#include "text/sentencepiece_tokenizer.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_set>

#include "text/base64.hpp"
#include "text/class_description.hpp"
#include "text/description.hpp"
#include "text/token_additions.hpp"
#include "text/tokenizer_classes.hpp"

namespace strata::text {
namespace {

constexpr auto sign = "\u2581";

Description replace_pattern(std::string_view pattern, std::string_view with) {
  return {{"type", "Replace"}, {"pattern", {{"Regex", pattern}}}, {"content", with}};
}

std::vector<std::string> of_kind(const SentencePieceModel& model,
                                 const std::vector<std::string>& pieces, uint64_t kind) {
  std::vector<std::string> out;
  for (std::size_t id = 0; id < pieces.size(); ++id)
    if (model.kinds[id] == kind) out.push_back(pieces[id]);
  return out;
}

// A pattern of these texts, the longest first.
std::string any_of(std::vector<std::string> texts) {
  std::ranges::stable_sort(texts, std::greater{}, [](const std::string& text) {
    return std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; });
  });
  std::string out;
  for (const auto& text : texts) {
    if (!out.empty()) out += '|';
    for (const char c : text) {
      if (std::string_view(R"(\^$.|?*+()[]{})").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

// The normalizer in sentencepiece's own order: the character map, spaces, signs, the dummy prefix.
Description normalizer_of(const SentencePieceModel& model, bool legacy) {
  auto steps = Description::array();
  if (!model.charsmap.empty())
    steps.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(model.charsmap)}});
  if (model.remove_extra_whitespaces) {
    steps.push_back(replace_pattern(R"(\A +| +\z)", ""));
    steps.push_back(replace_pattern(" {2,}", " "));
  }
  if (model.escape_whitespaces) steps.push_back(replace_step(" ", sign));
  // Metaspace adds no sign to a text that begins with one; sentencepiece does.
  if (model.add_dummy_prefix && legacy)
    steps.push_back(replace_pattern(std::string("\\A") + sign, std::string(sign) + sign));
  return sequence("normalizers", std::move(steps));
}

Description pre_tokenizer_of(const SentencePieceModel& model, bool legacy,
                             const std::vector<std::string>& user_defined) {
  auto steps = Description::array();
  if (model.add_dummy_prefix) steps.push_back(metaspace_step(legacy ? "always" : "first"));
  if (!user_defined.empty()) steps.push_back(split_step(any_of(user_defined)));
  return steps.empty() ? Description(nullptr) : sequence("pretokenizers", std::move(steps));
}

// All ways to make a normal piece of two others, the piece with the highest score first.
Description ranked_merges(const SentencePieceModel& model, const std::vector<std::string>& pieces) {
  std::vector<std::string> normal(pieces.size());
  std::vector<int32_t> order;
  for (std::size_t id = 0; id < pieces.size(); ++id)
    if (model.kinds[id] == SentencePieceModel::normal) {
      normal[id] = pieces[id];
      order.push_back(static_cast<int32_t>(id));
    }
  std::ranges::stable_sort(order, std::greater{},
                           [&](int32_t id) { return model.scores[static_cast<std::size_t>(id)]; });
  return merges_of(normal, order, Cuts::characters, PairOrder::texts);
}

Description unigram_model(const SentencePieceModel& model) {
  auto vocabulary = Description::array();
  for (std::size_t id = 0; id < model.pieces.size(); ++id)
    vocabulary.push_back({model.pieces[id], model.scores[id]});
  return {{"type", "Unigram"},
          {"unk_id", model.unk_id},
          {"vocab", std::move(vocabulary)},
          {"byte_fallback", model.byte_fallback}};
}

// The pieces, renamed by their ids in added_tokens_decoder, except for a name that another piece
// has.
std::vector<std::string> renamed(const SentencePieceModel& model, const TokenizerConfig& config) {
  auto out = model.pieces;
  std::unordered_set<std::string_view> kept;
  for (std::size_t id = 0; id < out.size(); ++id)
    if (!config.added.contains(static_cast<int64_t>(id))) kept.insert(model.pieces[id]);
  for (const auto& [id, token] : config.added)
    if (id >= 0 && id < static_cast<int64_t>(out.size()) && !kept.contains(token.content))
      out[static_cast<std::size_t>(id)] = token.content;
  return out;
}

// The model's own settings decide where no class does.
Description describe_pieces(const SentencePieceModel& model, TokenizerConfig& config) {
  const bool bpe = model.type == SentencePieceModel::bpe;
  const bool legacy = config.legacy.value_or(true);
  const auto pieces = bpe ? renamed(model, config) : model.pieces;
  const auto user_defined = of_kind(model, pieces, SentencePieceModel::user_defined);
  auto out = empty_description();
  out["normalizer"] = normalizer_of(model, legacy);
  out["pre_tokenizer"] = pre_tokenizer_of(model, legacy, user_defined);
  out["decoder"] = sentencepiece_decoder(model.add_dummy_prefix, model.byte_fallback);
  out["model"] = bpe ? bpe_model({.unknown = model.unk_piece,
                                  .fuse_unknown = true,
                                  .byte_fallback = model.byte_fallback,
                                  .ignore_merges = !user_defined.empty()},
                                 vocabulary_object(pieces), ranked_merges(model, pieces))
                     : unigram_model(model);
  // They are matched in the text as it is, so that the text between them gets its own prefix.
  if (model.add_dummy_prefix)
    for (auto& [id, token] : config.added) token.normalized = false;
  return out;
}

Description describe_class(const TokenizerClass& known, const SentencePieceModel& model,
                           const TokenizerConfig& config) {
  auto out = class_description(known, config);
  if (known.unknown)
    out["model"]["unk_token"] = model.pieces[static_cast<std::size_t>(model.unk_id)];
  // The classes make a BPE of a Unigram model too, as transformers does.
  std::vector<int32_t> order(model.pieces.size());
  std::iota(order.begin(), order.end(), 0);
  out["model"]["vocab"] = vocabulary_object(model.pieces);
  out["model"]["merges"] = merges_of(model.pieces, order, Cuts::characters, PairOrder::ids);
  return out;
}

// The pieces that are added tokens; user-defined ones are where a class cuts the text.
std::vector<AddedToken> added_pieces(const SentencePieceModel& model, bool user_defined) {
  std::vector<AddedToken> out;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const auto kind = model.kinds[id];
    const bool special =
        kind == SentencePieceModel::control || static_cast<int64_t>(id) == model.unk_id;
    if (special || (user_defined && kind == SentencePieceModel::user_defined))
      out.push_back({.content = model.pieces[id], .special = special});
  }
  return out;
}

}  // namespace

FolderTokenizer sentencepiece_tokenizer(const SentencePieceModel& model, const std::string& folder,
                                        TokenizerConfig config) {
  const auto* known = tokenizer_class(config.type);
  const bool of_class =
      known && (known->kind == TokenizerClass::metaspace || known->kind == TokenizerClass::signs);
  const auto add = [&](const char* name, int64_t id, const std::string& piece) {
    if (id >= 0 && !config.find(name))
      config.named.emplace_back(name, ConfigToken{.content = piece});
  };
  add("bos_token", model.bos_id, model.bos_piece);
  add("eos_token", model.eos_id, model.eos_piece);
  if (!of_class) add("unk_token", model.unk_id, model.unk_piece);
  auto description =
      of_class ? describe_class(*known, model, config) : describe_pieces(model, config);
  auto additions = additions_of(config, {}, false);
  additions.tokens.insert(additions.tokens.begin(), added_pieces(model, of_class));
  return {folder, std::move(description), std::move(additions)};
}

}  // namespace strata::text
