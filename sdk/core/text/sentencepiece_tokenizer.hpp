// The tokenizer that transformers makes of a tokenizer.model of sentencepiece.
// Rules: transformers 5.24, tokenization_utils_tokenizers.py and convert_slow_tokenizer.py
#pragma once
#include <string>

#include "core/text/sentencepiece.hpp"
#include "core/text/tokenizer_config.hpp"
#include "core/text/tokenizer_folder.hpp"

namespace strata::text {

// With the steps of the class that `config` names, where it has steps of its own; else with those
// that the model's own settings ask for.
FolderTokenizer sentencepiece_tokenizer(const SentencePieceModel& model, const std::string& folder,
                                        TokenizerConfig config);

}  // namespace strata::text
