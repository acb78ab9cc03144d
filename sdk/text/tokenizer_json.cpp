#include "text/tokenizer_json.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "text/json_fields.hpp"
#include "text/json_model.hpp"
#include "text/json_steps.hpp"

namespace strata::text {
namespace {

// The ids of the special tokens around a text.
AddedIds ids_of(const Ends& ends, const AddedTokens& added, const std::string& file) {
  const auto ids = [&](const std::optional<std::string>& content) -> std::vector<int32_t> {
    if (!content) return {};
    const auto* token = added.by_content(*content);
    if (!token)
      throw Error(file, "'" + printable(*content, 60) + "' is no token", "give the model's own");
    return {token->id};
  };
  return {ids(ends.begin), ids(ends.end)};
}

}  // namespace

TokenizerParts parse_tokenizer_json(const nlohmann::json& value, const Additions& additions,
                                    const std::string& file) {
  const JsonFields fields(value, "", file,
                          {"version", "truncation", "padding", "added_tokens", "normalizer",
                           "pre_tokenizer", "post_processor", "decoder", "model"});
  if (fields.find("version") && fields.text("version") != "1.0")
    fields.unsupported("version", fields.text("version"));
  // "truncation" and "padding" are for batches of equal length, which nothing here makes.
  TokenizerParts parts;
  if (const auto* steps = fields.find("normalizer"))
    parts.normalizers = parse_normalizer(*steps, file);
  if (const auto* steps = fields.find("pre_tokenizer"))
    parts.pre_tokenizers = parse_pre_tokenizer(*steps, file);
  if (const auto* steps = fields.find("decoder"))
    parts.decoder = parse_decoder(*steps, file);
  else
    parts.decoder = {decode_join()};
  parts.model = parse_model(fields.at("model"), file);
  const auto& vocabulary = parts.model->vocabulary();
  parts.added = parse_added_tokens(fields.find("added_tokens"), vocabulary, parts.normalizers,
                                   additions, file, parts.warnings);
  parts.split_special = additions.split_special;
  parts.names = additions.names;
  if (additions.ends) {
    auto ids = ids_of(*additions.ends, parts.added, file);
    parts.before = std::move(ids.before), parts.after = std::move(ids.after);
  } else if (const auto* post = fields.find("post_processor")) {
    auto ids = parse_post_processor(*post, file, [&](int64_t id) {
      if (id < 0 || id > INT32_MAX) return false;
      const auto narrow = static_cast<int32_t>(id);
      return parts.added.by_id(narrow) || vocabulary.piece(narrow);
    });
    parts.before = std::move(ids.before), parts.after = std::move(ids.after);
  }
  return parts;
}

}  // namespace strata::text
