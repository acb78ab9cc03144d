// The steps of a tokenizer.json around its model.
// Format: the JSON of https://github.com/huggingface/tokenizers.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/decoder.hpp"
#include "text/json_fields.hpp"
#include "text/metaspace.hpp"
#include "text/normalizer.hpp"
#include "text/pre_tokenizer.hpp"

namespace strata::text {

// The ids that a post-processor adds to those of a text.
struct AddedIds {
  std::vector<int32_t> before, after;
};

// All of these throw strata::Error that names `file` and the malformed or unsupported part.

Normalizers parse_normalizer(const nlohmann::json& value, const std::string& file);
PreTokenizers parse_pre_tokenizer(const nlohmann::json& value, const std::string& file);
std::vector<DecoderStep> parse_decoder(const nlohmann::json& value, const std::string& file);
// `has_token` says whether an id has a token.
AddedIds parse_post_processor(const nlohmann::json& value, const std::string& file,
                              const std::function<bool(int64_t)>& has_token);

// The type that a step or a model names; `path` is its place in the file.
std::string_view type_of(const nlohmann::json& value, std::string_view path,
                         const std::string& file);
[[noreturn]] void refuse_type(std::string_view type, std::string_view path, const std::string& file,
                              std::string_view known);

// Calls `step` with each element of a sequence (`key` holds them), also of a nested one; a value
// that is no sequence is the only step.
using Step = std::function<void(const nlohmann::json& value, const std::string& path)>;
void each_step(const nlohmann::json& value, const std::string& path, const std::string& file,
               std::string_view key, const Step& step);

// Reads {"Regex": ...} or {"String": ...} at the key `pattern`.
Regex parse_pattern(const JsonFields& fields);

// Metaspace's prepend_scheme, or the meaning of an older file's add_prefix_space.
PrependScheme prepend_scheme(const JsonFields& fields);

}  // namespace strata::text
