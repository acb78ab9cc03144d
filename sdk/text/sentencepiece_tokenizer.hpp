// The tokenizer that transformers makes of a sentencepiece tokenizer.model.
// Rules: transformers 5.24, tokenization_utils_tokenizers.py and convert_slow_tokenizer.py
#pragma once
#include <string>

#include "text/sentencepiece.hpp"
#include "text/tokenizer_config.hpp"
#include "text/tokenizer_folder.hpp"

namespace strata::text {

// It has the steps of the class that `config` names, where that has steps of its own; else those of
// the model's own settings.
FolderTokenizer sentencepiece_tokenizer(const SentencePieceModel& model, const std::string& folder,
                                        TokenizerConfig config);

}  // namespace strata::text
