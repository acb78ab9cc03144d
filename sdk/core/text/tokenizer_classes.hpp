// transformers' classes of tokenizers that a vocab.json and a merges.txt make.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace strata::text {

struct TokenizerClass {
  struct Token {
    std::string_view key, content;  // "eos_token" and what it is
  };
  std::string_view names;   // tokenizer_class without "Fast", with a space between several
  std::string_view models;  // the model_type that have it where tokenizer_class is missing
  std::string_view style;   // how bytes are cut, as tokenizer.ggml.pre calls it; empty: characters
  std::span<const Token> tokens;  // where tokenizer_config.json does not have the key
};

// Null where the name is not known.
const TokenizerClass* tokenizer_class(std::string_view name);
// That of models whose tokenizer_config.json names none; null where it is not known.
const TokenizerClass* tokenizer_class_of_model(std::string_view model_type);
// The names that are known, for an error.
std::string known_tokenizer_classes();

// Whether a class has steps of its own around sentencepiece's model that are not followed here.
bool other_sentencepiece_class(std::string_view name);

}  // namespace strata::text
