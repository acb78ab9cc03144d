#include "core/text/json_model.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"
#include "core/text/json_steps.hpp"
#include "core/text/nfc.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

Vocabulary parse_vocabulary(const JsonFields& fields) {
  const auto& tokens = fields.at("vocab");
  if (!tokens.is_object()) fields.refuse(fields.path("vocab") + " is no object");
  Vocabulary vocabulary;
  vocabulary.reserve(tokens.size());
  for (const auto& [token, id] : tokens.items()) {
    if (!id.is_number_unsigned() || id > INT32_MAX)
      fields.refuse(fields.path("vocab") + ": token '" + printable(token, 60) + "' has no id");
    try {
      vocabulary.insert(token, id.get<int64_t>(), tokens.size());
    } catch (const std::invalid_argument& error) {
      fields.refuse(fields.path("vocab") + ": " + error.what());
    }
  }
  return vocabulary;
}

using Pair = std::pair<std::string_view, std::string_view>;

// A merge's two tokens, spelled "left right" or ["left", "right"]; none where it is neither.
std::optional<Pair> merge_tokens(const json& merge) {
  using Text = const std::string&;
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return Pair{merge[0].get_ref<Text>(), merge[1].get_ref<Text>()};
  if (!merge.is_string()) return std::nullopt;
  const std::string_view text = merge.get_ref<Text>();
  const auto space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
    return std::nullopt;
  return Pair{text.substr(0, space), text.substr(space + 1)};
}

std::vector<Merge> parse_merges(const JsonFields& fields, const Vocabulary& vocabulary) {
  const auto& lines = fields.array("merges");
  std::vector<Merge> merges;
  merges.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto tokens = merge_tokens(lines[i]);
    if (!tokens)
      fields.refuse(fields.path("merges", i) + " " + printable(lines[i].dump(), 60) +
                    " is not two tokens");
    const auto id = [&](std::string_view token) {
      const auto found = vocabulary.find(token);
      if (!found)
        fields.refuse(fields.path("merges", i) + ": '" + printable(token, 60) +
                      "' is not in the vocab");
      return *found;
    };
    merges.push_back({id(tokens->first), id(tokens->second), static_cast<int32_t>(i),
                      id(std::string(tokens->first).append(tokens->second))});
  }
  return merges;
}

AddedToken parse_added(const json& value, const std::string& path, const std::string& file) {
  const JsonFields fields(
      value, path, file,
      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  const auto id = fields.integer("id");
  if (id < 0 || id >= INT32_MAX) fields.refuse(fields.path("id") + " is out of range");
  AddedToken token{.content = fields.text("content"), .id = static_cast<int32_t>(id)};
  token.special = fields.flag("special", false);
  token.normalized = fields.flag("normalized", !token.special);
  token.single_word = fields.flag("single_word", false);
  token.lstrip = fields.flag("lstrip", false);
  token.rstrip = fields.flag("rstrip", false);
  if (token.content.empty() || token.content.size() > AddedTokens::longest)
    fields.refuse(fields.path("content") + " of " + std::to_string(token.content.size()) +
                  " bytes is not supported");
  return token;
}

}  // namespace

Bpe parse_bpe(const json& value, const std::string& file) {
  const auto type = type_of(value, "model", file);
  if (type != "BPE") refuse_type(type, "model", file, "BPE");
  const JsonFields fields(
      value, "model", file,
      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
       "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (const auto* dropout = fields.find("dropout"); dropout && *dropout != 0)
    fields.unsupported("dropout", dropout->dump());
  for (const auto* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (fields.find(key) && !fields.text(key).empty()) fields.unsupported(key, fields.text(key));
  if (fields.flag("byte_fallback", false)) fields.unsupported("byte_fallback", "true");
  auto vocabulary = parse_vocabulary(fields);
  BpeOptions options{.fuse_unknown = fields.flag("fuse_unk", false),
                     .ignore_merges = fields.flag("ignore_merges", false)};
  if (fields.find("unk_token")) {
    options.unknown = vocabulary.find(fields.text("unk_token"));
    if (!options.unknown)
      fields.refuse(fields.path("unk_token") + " '" + printable(fields.text("unk_token"), 60) +
                    "' is not in the vocab");
  }
  const auto merges = parse_merges(fields, vocabulary);
  return {std::move(vocabulary), merges, options};
}

AddedTokens parse_added_tokens(const json* value, const Vocabulary& vocabulary, bool nfc,
                               const std::string& file) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> normal;
  Vocabulary added;
  if (value && !value->is_array())
    throw Error(file, "'added_tokens' is no array", "give a whole tokenizer.json");
  for (std::size_t i = 0; value && i < value->size(); ++i) {
    const auto path = "added_tokens[" + std::to_string(i) + "]";
    auto token = parse_added((*value)[i], path, file);
    const auto refuse = [&](const std::string& what) {
      throw Error(file, path + ": " + what, "give each token an id of its own");
    };
    const auto name = "token '" + printable(token.content, 60) + "' ";
    const auto known = vocabulary.find(token.content);
    if (known && *known != token.id)
      refuse(name + "has the id " + std::to_string(token.id) + ", in the vocab " +
             std::to_string(*known));
    if (!known && vocabulary.piece(token.id))
      refuse(name + "has the id " + std::to_string(token.id) + " of another");
    try {
      added.insert(token.content, token.id,
                   static_cast<std::size_t>(vocabulary.size()) + value->size());
    } catch (const std::invalid_argument& error) {
      refuse(error.what());
    }
    normal.push_back(nfc ? text::nfc(token.content) : token.content);
    tokens.push_back(std::move(token));
  }
  return {std::move(tokens), normal};
}

}  // namespace strata::text
