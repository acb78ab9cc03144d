// Parsing of tokenizer.json.
// Format: the JSON of https://github.com/huggingface/tokenizers (Tokenizer::from_file).
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/source/gguf_vocabulary.hpp"
#include "text/additions.hpp"
#include "text/tokenizer.hpp"

namespace strata::text {

// The parts that a tokenizer.json and `additions` describe; json_*.cpp parse the supported types of
// each. Throws strata::Error that names `file` and the malformed or unsupported part.
TokenizerParts parse_tokenizer_json(const nlohmann::json& value, const Additions& additions,
                                    const std::string& file);

// GGUF metadata as a tokenizer.json. Throws strata::Error that names `file` and the key.
std::string gguf_tokenizer_json(const source::GgufVocabulary& vocabulary, const std::string& file);

}  // namespace strata::text
