#include "core/text/tokenizer_json.hpp"

#include <nlohmann/json.hpp>

#include "core/text/json_fields.hpp"
#include "core/text/json_model.hpp"
#include "core/text/json_steps.hpp"

namespace strata::text {
TokenizerParts parse_tokenizer_json(std::string_view bytes, const std::string& file) {
  const auto value = read_json(bytes, file);
  const JsonFields fields(value, "", file,
                          {"version", "truncation", "padding", "added_tokens", "normalizer",
                           "pre_tokenizer", "post_processor", "decoder", "model"});
  if (fields.find("version") && fields.text("version") != "1.0")
    fields.unsupported("version", fields.text("version"));
  // What "truncation" and "padding" say is for batches of equal length, which nothing here makes.
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
  parts.added =
      parse_added_tokens(fields.find("added_tokens"), vocabulary, parts.normalizers, file);
  if (const auto* post = fields.find("post_processor")) {
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
