#include "text/json_model.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "text/bpe.hpp"
#include "text/json_fields.hpp"
#include "text/json_steps.hpp"
#include "text/unigram.hpp"
#include "text/word_piece.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

void insert(const JsonFields& fields, const std::string& token, int64_t id, std::size_t tokens,
            Vocabulary& to) {
  try {
    to.insert(token, id, tokens);
  } catch (const std::invalid_argument& error) {
    fields.refuse(fields.path("vocab") + ": " + error.what());
  }
}

Vocabulary parse_vocabulary(const JsonFields& fields) {
  const auto& tokens = fields.at("vocab");
  if (!tokens.is_object()) fields.refuse(fields.path("vocab") + " is no object");
  Vocabulary vocabulary;
  vocabulary.reserve(tokens.size());
  for (const auto& [token, id] : tokens.items()) {
    if (!id.is_number_unsigned() || id > INT32_MAX)
      fields.refuse(fields.path("vocab") + ": token '" + printable(token, 60) + "' has no id");
    insert(fields, token, id.get<int64_t>(), tokens.size(), vocabulary);
  }
  return vocabulary;
}

using Pair = std::pair<std::string_view, std::string_view>;

// The two tokens of a merge, spelled "left right" or ["left", "right"]; none where it is neither.
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

// A merge's second token loses `prefix`.
std::vector<Merge> parse_merges(const JsonFields& fields, const Vocabulary& vocabulary,
                                const std::string& prefix) {
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
    auto joined = tokens->second;
    if (joined.starts_with(prefix)) joined.remove_prefix(prefix.size());
    merges.push_back({id(tokens->first), id(tokens->second), static_cast<int32_t>(i),
                      id(std::string(tokens->first).append(joined))});
  }
  return merges;
}

std::unique_ptr<Model> parse_bpe(const json& value, const std::string& file) {
  const JsonFields fields(
      value, "model", file,
      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
       "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"});
  if (const auto* dropout = fields.find("dropout"); dropout && *dropout != 0)
    fields.unsupported("dropout", dropout->dump());
  auto vocabulary = parse_vocabulary(fields);
  static const std::string none;
  const auto& unknown = fields.text("unk_token", none);
  const auto unknown_id = unknown.empty() ? std::nullopt : vocabulary.find(unknown);
  BpeOptions options{.unknown = unknown_id,
                     .lacking = unknown_id ? none : unknown,
                     .fuse_unknown = fields.flag("fuse_unk", false),
                     .byte_fallback = fields.flag("byte_fallback", false),
                     .ignore_merges = fields.flag("ignore_merges", false),
                     .prefix = fields.text("continuing_subword_prefix", none),
                     .suffix = fields.text("end_of_word_suffix", none)};
  const auto merges = parse_merges(fields, vocabulary, options.prefix);
  return std::make_unique<Bpe>(std::move(vocabulary), merges, std::move(options));
}

std::unique_ptr<Model> parse_unigram(const json& value, const std::string& file) {
  const JsonFields fields(value, "model", file, {"type", "unk_id", "vocab", "byte_fallback"});
  const auto& pieces = fields.array("vocab");
  Vocabulary vocabulary;
  vocabulary.reserve(pieces.size());
  std::vector<double> scores;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& piece = pieces[i];
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
      fields.refuse(fields.path("vocab", i) + " is no token with its score");
    insert(fields, piece[0].get_ref<const std::string&>(), static_cast<int64_t>(i), pieces.size(),
           vocabulary);
    scores.push_back(piece[1].get<double>());
  }
  std::optional<int32_t> unknown;
  if (fields.find("unk_id")) {
    if (fields.count("unk_id") >= pieces.size())
      fields.refuse(fields.path("unk_id") + " is outside the vocab");
    unknown = static_cast<int32_t>(fields.count("unk_id"));
  }
  try {
    return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), unknown,
                                     fields.flag("byte_fallback", false));
  } catch (const std::invalid_argument& error) {
    fields.refuse(fields.path("vocab") + ": " + error.what() + " is not supported");
  }
}

std::unique_ptr<Model> parse_word_piece(const json& value, const std::string& file) {
  const JsonFields fields(
      value, "model", file,
      {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  auto vocabulary = parse_vocabulary(fields);
  WordPieceOptions options{.unknown = vocabulary.find(fields.text("unk_token")),
                           .prefix = fields.text("continuing_subword_prefix")};
  if (fields.find("max_input_chars_per_word"))
    options.longest_word = fields.count("max_input_chars_per_word");
  try {
    return std::make_unique<WordPiece>(std::move(vocabulary), std::move(options));
  } catch (const std::invalid_argument& error) {
    fields.refuse(fields.path("vocab") + ": " + error.what() + " is not supported");
  }
}

std::unique_ptr<Model> parse_word_level(const json& value, const std::string& file) {
  const JsonFields fields(value, "model", file, {"type", "unk_token", "vocab"});
  auto vocabulary = parse_vocabulary(fields);
  const auto unknown = vocabulary.find(fields.text("unk_token"));
  return std::make_unique<WordLevel>(std::move(vocabulary), unknown);
}

// Older files do not name the type.
std::string_view model_type(const json& value, const std::string& file) {
  if (!value.is_object() || value.contains("type")) return type_of(value, "model", file);
  if (value.contains("merges")) return "BPE";
  if (value.contains("unk_id")) return "Unigram";
  return value.contains("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
}

}  // namespace

std::unique_ptr<Model> parse_model(const json& value, const std::string& file) {
  const auto type = model_type(value, file);
  if (type == "BPE") return parse_bpe(value, file);
  if (type == "Unigram") return parse_unigram(value, file);
  if (type == "WordPiece") return parse_word_piece(value, file);
  if (type == "WordLevel") return parse_word_level(value, file);
  refuse_type(type, "model", file, "BPE, Unigram, WordPiece and WordLevel");
}

}  // namespace strata::text
