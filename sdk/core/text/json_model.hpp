// The model and the added tokens of a tokenizer.json.
// Format: the JSON of https://github.com/huggingface/tokenizers.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/text/added_tokens.hpp"
#include "core/text/model.hpp"
#include "core/text/normalizer.hpp"

namespace strata::text {

// Both throw strata::Error that names `file` and what is malformed or not supported.

std::unique_ptr<Model> parse_model(const nlohmann::json& value, const std::string& file);
// `value` may be null. An id that the vocabulary gives to another token, or another id for one of
// its tokens, is refused.
AddedTokens parse_added_tokens(const nlohmann::json* value, const Vocabulary& vocabulary,
                               const Normalizers& normalizers, const std::string& file);

}  // namespace strata::text
