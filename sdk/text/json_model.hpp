// The model and the added tokens of a tokenizer.json.
// Format: the JSON of https://github.com/huggingface/tokenizers.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "text/added_tokens.hpp"
#include "text/additions.hpp"
#include "text/model.hpp"
#include "text/normalizer.hpp"

namespace strata::text {

// Both throw strata::Error that names `file` and the malformed or unsupported part.

std::unique_ptr<Model> parse_model(const nlohmann::json& value, const std::string& file);
// The tokens of `value`, which may be null, followed by those of `additions`. `warnings` get the
// differences to the file: the ids are those that the package tokenizers gives.
AddedTokens parse_added_tokens(const nlohmann::json* value, const Vocabulary& vocabulary,
                               const Normalizers& normalizers, const Additions& additions,
                               const std::string& file, std::vector<std::string>& warnings);

}  // namespace strata::text
