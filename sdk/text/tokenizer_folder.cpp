#include "text/tokenizer_folder.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "text/byte_level.hpp"
#include "text/class_description.hpp"
#include "text/gguf_styles.hpp"
#include "text/json_fields.hpp"
#include "text/sentencepiece.hpp"
#include "text/sentencepiece_tokenizer.hpp"
#include "text/tiktoken.hpp"
#include "text/token_additions.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

// Tokens and their ids, some of which may be left out.
json read_vocab(const std::string& bytes, const std::string& file) {
  auto value = read_json(bytes, file);
  const auto refuse = [&](const std::string& what) {
    throw Error(file, what, "give the model's own vocab.json");
  };
  if (!value.is_object()) refuse("it is no JSON object");
  std::unordered_set<int64_t> seen;
  for (const auto& [token, id] : value.items()) {
    const auto name = "token '" + printable(token, 60) + "'";
    if (!id.is_number_unsigned() || id >= Vocabulary::id_limit(value.size()))
      refuse(name + " has no id in its range");
    if (!seen.insert(id.get<int64_t>()).second) refuse(name + " has the id of another");
  }
  return value;
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

[[noreturn]] void refuse_class(const TokenizerFiles& files, const TokenizerConfig& config,
                               const std::string& known) {
  throw Error(config.file,
              config.type == plain_class
                  ? "tokenizer_class is missing"
                  : "tokenizer_class '" + printable(config.type, 60) + "' is not supported",
              "known are " + known + "; of another, put the model's tokenizer.json there" +
                  (files.takes_ids ? ", or give ids with --input-ids" : ""));
}

// A class's steps around the vocabulary and merges of another description.
json rebuilt(const TokenizerClass& known, const TokenizerConfig& config, json vocab, json merges,
             json post_processor) {
  json out = class_description(known, config);
  out["model"]["vocab"] = std::move(vocab);
  out["model"]["merges"] = std::move(merges);
  out["post_processor"] = std::move(post_processor);
  return out;
}

// Puts the right pattern of mistral's models in place of a sequence's first step, or in front of a
// single step.
void mend_mistral_regex(json& description) {
  constexpr std::size_t smallest = 100'000;
  const auto vocab = description["model"].find("vocab");
  auto& step = description["pre_tokenizer"];
  if (!step.is_object() || !step.contains("type") || !step["type"].is_string() ||
      vocab == description["model"].end() || vocab->size() <= smallest)
    return;
  const auto type = step["type"].get<std::string>();
  const json split = pre_tokenizer_of(*gguf_style("tekken"))["pretokenizers"][0];
  if (type == "Sequence" && step.contains("pretokenizers") && step["pretokenizers"].is_array() &&
      !step["pretokenizers"].empty()) {
    step["pretokenizers"][0] = split;
    return;
  }
  const json rest = type == "Metaspace" ? json(byte_level_step(false)) : step;
  step = {{"type", "Sequence"}, {"pretokenizers", {split, rest}}};
}

// A class with steps of its own uses only the vocabulary, the merges and the post-processor.
FolderTokenizer by_json(const TokenizerFiles& files) {
  FolderTokenizer out{.file = files.folder + "/tokenizer.json"};
  auto& value = out.description = read_json(files.json, out.file);
  const auto config = parse_tokenizer_config(files, value.is_object() ? &value : nullptr);
  std::unordered_set<std::string> there;
  const auto* known = tokenizer_class(config.type);
  const auto model = value.is_object() ? value.find("model") : value.end();
  const bool model_there = model != value.end() && model->is_object();
  const bool rebuilds = known && model_there && model->contains("merges") &&
                        model->contains("vocab") && (*model)["vocab"].is_object();
  const bool own_ends =
      value.is_object() && value.contains("post_processor") && !value["post_processor"].is_null();
  if (rebuilds)
    value = rebuilt(*known, config, std::move((*model)["vocab"]), std::move((*model)["merges"]),
                    own_ends ? std::move(value["post_processor"]) : json());
  else if (value.is_object() && value.contains("added_tokens") && value["added_tokens"].is_array())
    for (const auto& one : value["added_tokens"])
      if (one.is_object() && one.contains("content") && one["content"].is_string())
        there.insert(one["content"].get<std::string>());
  if (config.mistral_regex && model_there) mend_mistral_regex(value);
  out.additions = additions_of(config, std::move(there), own_ends);
  return out;
}

FolderTokenizer by_vocab(const TokenizerFiles& files, const TokenizerConfig& config) {
  const auto* known = tokenizer_class(config.type);
  if (!known || known->kind == TokenizerClass::metaspace || known->kind == TokenizerClass::signs)
    refuse_class(files, config, known_tokenizer_classes());
  return {files.folder,
          rebuilt(*known, config, read_vocab(files.vocab, files.folder + "/vocab.json"),
                  read_merges(files.merges, files.folder + "/merges.txt"), nullptr),
          additions_of(config, {}, false)};
}

// The ids of added_tokens_decoder behind the vocabulary's are tokens of the vocabulary too, and the
// gaps between them are reserved tokens.
std::vector<AddedToken> behind(const TokenizerConfig& config, std::size_t size) {
  std::vector<AddedToken> out;
  if (config.added.empty()) return out;
  const auto last = std::min<int64_t>(config.added.rbegin()->first, Vocabulary::id_limit(size));
  for (auto id = static_cast<int64_t>(size); id <= last; ++id) {
    const auto found = config.added.find(id);
    out.push_back({.content = found != config.added.end()
                                  ? found->second.content
                                  : "<|reserved_token_" + std::to_string(id) + "|>",
                   .special = true});
  }
  return out;
}

FolderTokenizer by_tiktoken(const std::string& bytes, const std::string& file,
                            const TokenizerFiles& files, const TokenizerConfig& config) {
  const auto tokens = parse_tiktoken(bytes, file);
  std::vector<std::string> spelled;
  spelled.reserve(tokens.size());
  for (const auto& token : tokens) spelled.push_back(spell(token));
  std::vector<int32_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  auto out = empty_description();
  out["pre_tokenizer"] = pre_tokenizer_of(*gguf_style("llama-bpe"));
  out["decoder"] = byte_level_step(true);
  out["model"] = bpe_model({.ignore_merges = true}, vocabulary_object(spelled),
                           merges_of(tokens, order, Cuts::bytes));
  auto additions = additions_of(config, {}, false);
  additions.tokens.insert(additions.tokens.begin(), behind(config, tokens.size()));
  return {files.folder, std::move(out), std::move(additions)};
}

FolderTokenizer by_pieces(const TokenizerFiles& files, const TokenizerConfig& config,
                          const std::string& file) {
  if (other_sentencepiece_class(config.type))
    refuse_class(files, config, "GemmaTokenizer and LlamaTokenizer");
  return sentencepiece_tokenizer(parse_sentencepiece(files.model, file), files.folder, config);
}

}  // namespace

FolderTokenizer folder_tokenizer(const TokenizerFiles& files) {
  if (!files.json.empty()) return by_json(files);
  const auto config = parse_tokenizer_config(files, nullptr);
  const auto model = files.folder + "/tokenizer.model";
  if (is_sentencepiece(files.model)) return by_pieces(files, config, model);
  if (!files.model.empty()) return by_tiktoken(files.model, model, files, config);
  if (!files.tiktoken.empty())
    return by_tiktoken(files.tiktoken, files.folder + "/*.tiktoken", files, config);
  if (!files.vocab.empty() && !files.merges.empty()) return by_vocab(files, config);
  if (other_sentencepiece_class(config.type))
    refuse_class(files, config, "GemmaTokenizer and LlamaTokenizer");
  throw Error(files.folder, "it has no tokenizer",
              std::string(files.takes_ids ? "give ids with --input-ids, or " : "") +
                  "put the model's tokenizer.json there");
}

}  // namespace strata::text
