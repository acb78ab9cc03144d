// Tokenizers of folders without a tokenizer.json, as transformers' AutoTokenizer makes them.
#pragma once
#include <string>

namespace strata::text {

// The contents of a folder's files, empty where there is none.
struct TokenizerFiles {
  std::string folder = {};    // for messages
  std::string config = {};    // tokenizer_config.json
  std::string special = {};   // special_tokens_map.json and
  std::string added = {};     // added_tokens.json: as older versions wrote parts of the former
  std::string shape = {};     // config.json, whose model_type stands for a missing tokenizer_class
  std::string model = {};     // tokenizer.model: of sentencepiece, or of tiktoken
  std::string tiktoken = {};  // a file *.tiktoken
  std::string vocab = {};     // vocab.json and
  std::string merges = {};    // merges.txt
};

// A tokenizer.json that means the same. Throws strata::Error that names the file and what is
// malformed or not supported.
std::string folder_tokenizer_json(const TokenizerFiles& files);

}  // namespace strata::text
