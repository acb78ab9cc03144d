// transformers' tokenizer classes: the one that reads a folder, and the steps of each around a
// vocabulary.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace strata::text {

// A class that uses only the vocabulary, the merges and the post-processor of a tokenizer.json,
// with steps and special tokens of its own around them.
struct TokenizerClass {
  struct Token {
    std::string_view key, content;  // "eos_token" and its content
  };
  enum Kind {
    bytes,      // byte-level BPE, whose words are those of `style`
    words,      // BPE of lowercase words
    metaspace,  // sentencepiece's BPE, with a sign in front of a text
    signs       // the same without one
  };
  // The tokens that a class adds once more at the end: none, its special tokens without flags, or
  // with them.
  enum Again { nothing, plain, flagged };

  std::string_view names;   // tokenizer_class without "Fast"; several are separated by spaces
  std::string_view models;  // each model_type whose class is the first of these
  Kind kind = bytes;
  std::string_view style = {};         // the cutting of bytes, by its name in tokenizer.ggml.pre
  std::span<const Token> tokens = {};  // where tokenizer_config.json does not have the key
  Again again = nothing;
  bool own_ends = false;  // the tokens around a text are never the tokenizer.json's
  bool add_bos = false;   // where no file has the key
  bool unknown = false;   // characters without a token become the unk_token
};

// The class that tokenizes anything by its tokenizer.json alone.
constexpr std::string_view plain_class = "TokenizersBackend";

// The class of a name; null where no such class has it.
const TokenizerClass* tokenizer_class(std::string_view name);
// The known names, for an error.
std::string known_tokenizer_classes();

// The values that decide a folder's class; empty where a file lacks one.
struct ClassClues {
  std::string_view named = {};       // tokenizer_config.json's tokenizer_class
  std::string_view configured = {};  // config.json's
  std::string_view model_type = {};
  bool own_code = false;    // tokenizer_config.json names code of the folder's own
  bool byte_level = false;  // there is a byte-level tokenizer.json
};

// The class, without "Fast", by which transformers' AutoTokenizer reads the folder.
std::string tokenizer_class_of(const ClassClues& clues);

// Whether a class has steps of its own around a sentencepiece model that are not supported here.
bool other_sentencepiece_class(std::string_view name);

}  // namespace strata::text
