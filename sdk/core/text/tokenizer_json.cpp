#include "core/text/tokenizer_json.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"
#include "core/text/json_model.hpp"
#include "core/text/json_steps.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

// A tokenizer.json is about eight deep.
constexpr int deepest = 64;

void check_depth(std::string_view bytes, const std::string& file) {
  int depth = 0;
  bool inside = false;  // a string
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (inside) {
      if (c == '\\') ++at;
      if (c == '"') inside = false;
    } else if (c == '"') {
      inside = true;
    } else if (c == '{' || c == '[') {
      if (++depth > deepest)
        throw Error(file, "the JSON is nested too deep at byte " + std::to_string(at),
                    "give a whole tokenizer.json");
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
}

json parse(std::string_view bytes, const std::string& file) {
  check_depth(bytes, file);
  try {
    return json::parse(bytes);
  } catch (const json::parse_error& error) {
    throw Error(file, "malformed JSON at byte " + std::to_string(error.byte),
                "give a whole tokenizer.json");
  } catch (const json::out_of_range&) {
    throw Error(file, "the JSON has a number past what a double holds",
                "give a whole tokenizer.json");
  }
}

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view bytes, const std::string& file) {
  const auto value = parse(bytes, file);
  const JsonFields fields(value, "", file,
                          {"version", "truncation", "padding", "added_tokens", "normalizer",
                           "pre_tokenizer", "post_processor", "decoder", "model"});
  if (fields.find("version") && fields.text("version") != "1.0")
    fields.unsupported("version", fields.text("version"));
  for (const auto* key : {"truncation", "padding"})
    if (fields.find(key)) fields.refuse(std::string(key) + " is not supported");
  const auto* normalizer = fields.find("normalizer");
  const bool nfc = normalizer && parse_normalizer(*normalizer, file);
  auto pre = parse_pre_tokenizer(fields.at("pre_tokenizer"), file);
  parse_decoder(fields.at("decoder"), file);
  auto model = parse_bpe(fields.at("model"), file);
  auto added = parse_added_tokens(fields.find("added_tokens"), model.vocabulary(), nfc, file);
  AddedIds ids;
  if (const auto* post = fields.find("post_processor"))
    ids = parse_post_processor(*post, file, [&](int64_t id) {
      if (id < 0 || id > INT32_MAX) return false;
      const auto narrow = static_cast<int32_t>(id);
      return added.by_id(narrow) || model.vocabulary().piece(narrow);
    });
  return {std::move(added), nfc, std::move(pre), std::move(model), ids.before, ids.after};
}

}  // namespace strata::text
