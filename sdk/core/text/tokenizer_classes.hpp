// transformers' classes of tokenizers: which one reads a folder, and what it makes of a vocabulary.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace strata::text {

// A class that takes no more of a tokenizer.json than the vocabulary, the merges and the
// post-processor: its own steps and special tokens go around them.
struct TokenizerClass {
  struct Token {
    std::string_view key, content;  // "eos_token" and what it is
  };
  enum Kind {
    bytes,      // byte-level BPE, whose words are those of `style`
    words,      // BPE of lower-case words
    metaspace,  // sentencepiece's BPE, with a sign in front of a text
    signs       // the same without one
  };
  // What a class adds once more when all else is done: nothing, its special tokens without flags,
  // or with them.
  enum Again { nothing, plain, flagged };

  std::string_view names;   // tokenizer_class without "Fast", with a space between several
  std::string_view models;  // each model_type whose class is the first of these
  Kind kind = bytes;
  std::string_view style = {};         // how bytes are cut, as tokenizer.ggml.pre calls it
  std::span<const Token> tokens = {};  // where tokenizer_config.json does not have the key
  Again again = nothing;
  bool own_ends = false;  // what stands around a text is never the tokenizer.json's
  bool add_bos = false;   // where no file says
  bool unknown = false;   // characters without a token become the unk_token
};

// The class that tokenizes anything by its tokenizer.json alone.
constexpr std::string_view plain_class = "TokenizersBackend";

// Null where the name is that of no such class.
const TokenizerClass* tokenizer_class(std::string_view name);
// The names that are known, for an error.
std::string known_tokenizer_classes();

// These decide a folder's class; empty where a file does not have it.
struct ClassClues {
  std::string_view named = {};       // tokenizer_config.json's tokenizer_class
  std::string_view configured = {};  // config.json's
  std::string_view model_type = {};
  bool own_code = false;    // tokenizer_config.json names code of the folder's own
  bool byte_level = false;  // there is a tokenizer.json that is byte-level
};

// The class, without "Fast", by which transformers' AutoTokenizer reads the folder.
std::string tokenizer_class_of(const ClassClues& clues);

// Whether a class has steps of its own around sentencepiece's model that are not followed here.
bool other_sentencepiece_class(std::string_view name);

}  // namespace strata::text
