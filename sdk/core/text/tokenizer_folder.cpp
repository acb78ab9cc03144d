#include "core/text/tokenizer_folder.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/text/base64.hpp"
#include "core/text/byte_level.hpp"
#include "core/text/gguf_styles.hpp"
#include "core/text/json_fields.hpp"
#include "core/text/sentencepiece.hpp"
#include "core/text/tiktoken.hpp"
#include "core/text/tokenizer_classes.hpp"
#include "core/text/tokenizer_config.hpp"
#include "core/text/utf8.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

constexpr auto sign = "\u2581";

// Tokens by id of a vocab.json, whose ids leave none out.
std::vector<std::string> read_vocab(const std::string& bytes, const std::string& file) {
  const auto value = read_json(bytes, file);
  const auto refuse = [&](const std::string& what) {
    throw Error(file, what, "give the model's own vocab.json");
  };
  if (!value.is_object()) refuse("it is no JSON object");
  std::vector<std::string> tokens(value.size());
  std::vector<bool> seen(value.size());
  for (const auto& [token, id] : value.items()) {
    const auto name = "token '" + printable(token, 60) + "'";
    if (!id.is_number_unsigned() || id >= tokens.size()) refuse(name + " has no id in its range");
    const auto at = id.get<std::size_t>();
    if (seen[at]) refuse(name + " has the id of another");
    seen[at] = true;
    tokens[at] = token;
  }
  return tokens;
}

Description read_merges(std::string_view bytes, const std::string& file) {
  auto out = Description::array();
  if (const auto at = invalid_utf8(bytes))
    throw Error(file, "byte " + std::to_string(*at) + " is not UTF-8",
                "give the model's own merges.txt");
  while (!bytes.empty()) {
    auto line = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with("#version")) out.push_back(line);
  }
  return out;
}

[[noreturn]] void refuse_class(const TokenizerConfig& config, const std::string& known) {
  throw Error(config.file,
              config.type.empty()
                  ? "tokenizer_class is missing"
                  : "tokenizer_class '" + printable(config.type, 60) + "' is not supported",
              "known are " + known +
                  "; of another, put the model's tokenizer.json there, or give ids with "
                  "--input-ids");
}

// vocab.json and merges.txt: BPE, byte-level or of lower-case characters.
void describe_files(const TokenizerFiles& files, const TokenizerConfig& config, Description& out) {
  const auto* known = tokenizer_class(config.type);
  if (!known) refuse_class(config, known_tokenizer_classes());
  const auto tokens = read_vocab(files.vocab, files.folder + "/vocab.json");
  auto merges = read_merges(files.merges, files.folder + "/merges.txt");
  BpeDescription options;
  if (known->style.empty()) {
    out["normalizer"] = {{"type", "BertNormalizer"},
                         {"clean_text", true},
                         {"handle_chinese_chars", true},
                         {"strip_accents", nullptr},
                         {"lowercase", true}};
    out["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    out["decoder"] = {{"type", "BPEDecoder"}, {"suffix", "</w>"}};
    if (config.unk) options.unknown = config.unk;
  } else {
    const auto& style = *gguf_style(known->style);
    if (style.nfc) out["normalizer"] = {{"type", "NFC"}};
    out["pre_tokenizer"] = pre_tokenizer_of(style, config.add_prefix_space.value_or(false));
    out["decoder"] = byte_level_step(true);
  }
  out["model"] = bpe_model(options, vocabulary_object(tokens), std::move(merges));
  if (known->style.empty()) out["model"]["end_of_word_suffix"] = "</w>";
  add_tokens(config, tokens, out);
}

void describe_tiktoken(const std::string& bytes, const std::string& file,
                       const TokenizerConfig& config, Description& out) {
  const auto tokens = parse_tiktoken(bytes, file);
  std::vector<std::string> spelled;
  spelled.reserve(tokens.size());
  for (const auto& token : tokens) spelled.push_back(spell(token));
  std::vector<int32_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  out["pre_tokenizer"] = pre_tokenizer_of(*gguf_style("llama-bpe"));
  out["decoder"] = byte_level_step(true);
  out["model"] = bpe_model({.ignore_merges = true}, vocabulary_object(spelled),
                           merges_of(tokens, order, Cuts::bytes));
  add_tokens(config, spelled, out);
}

// sentencepiece's model, with the steps that each class of tokenizers has around it.
void describe_sentencepiece(const SentencePieceModel& model, TokenizerConfig config,
                            Description& out) {
  if (other_sentencepiece_class(config.type))
    refuse_class(config, "GemmaTokenizer and LlamaTokenizer");
  const auto& tokens = model.pieces;
  const bool prefixed = config.type == "LlamaTokenizer";
  const bool plain = config.type == "GemmaTokenizer";
  const bool space = prefixed && config.add_prefix_space.value_or(true);
  if (prefixed) {
    const auto* scheme = !space ? "never" : config.legacy ? "always" : "first";
    out["pre_tokenizer"] = {
        {"type", "Metaspace"}, {"replacement", sign}, {"prepend_scheme", scheme}, {"split", false}};
  } else {
    auto steps = Description::array();
    if (!model.charsmap.empty() && !plain)
      steps.push_back(
          {{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(model.charsmap)}});
    steps.push_back(replace_step(" ", sign));
    out["normalizer"] = sequence("normalizers", std::move(steps));
  }
  const bool bytes = prefixed || plain || model.byte_fallback;
  out["decoder"] = sentencepiece_decoder(space, bytes);
  if (model.type == SentencePieceModel::bpe) {
    std::vector<int32_t> order(tokens.size());
    std::iota(order.begin(), order.end(), 0);
    BpeDescription options{.fuse_unknown = true, .byte_fallback = bytes};
    if (!prefixed) options.unknown = tokens[static_cast<std::size_t>(model.unk_id)];
    out["model"] =
        bpe_model(options, vocabulary_object(tokens), merges_of(tokens, order, Cuts::characters));
  } else {
    auto vocabulary = Description::array();
    for (std::size_t id = 0; id < tokens.size(); ++id)
      vocabulary.push_back({tokens[id], model.scores[id]});
    out["model"] = {{"type", "Unigram"},
                    {"unk_id", model.unk_id},
                    {"vocab", std::move(vocabulary)},
                    {"byte_fallback", model.byte_fallback}};
  }
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const auto kind = model.kinds[id];
    if (kind != SentencePieceModel::control && kind != SentencePieceModel::user_defined) continue;
    if (!config.added.count(static_cast<int64_t>(id)))
      config.added[static_cast<int64_t>(id)] =
          added_token(static_cast<int64_t>(id), tokens[id], kind == SentencePieceModel::control);
  }
  if (!config.bos && model.bos_id >= 0)
    config.bos = model.bos_piece, config.listed.push_back(added_token(0, model.bos_piece, true));
  if (!config.eos && model.eos_id >= 0)
    config.eos = model.eos_piece, config.listed.push_back(added_token(0, model.eos_piece, true));
  const auto& unknown = tokens[static_cast<std::size_t>(model.unk_id)];
  config.listed.push_back(added_token(0, unknown, true));
  add_tokens(config, tokens, out);
}

}  // namespace

std::string folder_tokenizer_json(const TokenizerFiles& files) {
  const auto config = parse_tokenizer_config(files);
  auto out = empty_description();
  const auto model = files.folder + "/tokenizer.model";
  // A sentencepiece model begins with its first piece, which is field 1.
  if (files.model.starts_with('\n'))
    describe_sentencepiece(parse_sentencepiece(files.model, model), config, out);
  else if (!files.model.empty() || !files.tiktoken.empty())
    describe_tiktoken(files.model.empty() ? files.tiktoken : files.model,
                      files.model.empty() ? files.folder + "/*.tiktoken" : model, config, out);
  else if (!files.vocab.empty() && !files.merges.empty())
    describe_files(files, config, out);
  else
    throw Error(files.folder, "it has no tokenizer",
                "give ids with --input-ids, or put the model's tokenizer.json there");
  return out.dump();
}

}  // namespace strata::text
