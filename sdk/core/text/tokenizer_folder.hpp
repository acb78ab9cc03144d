// Tokenizers of folders, as transformers' AutoTokenizer makes them.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "core/text/additions.hpp"

namespace strata::text {

// The contents of a folder's files, empty where there is none.
struct TokenizerFiles {
  std::string folder = {};    // for messages
  std::string json = {};      // tokenizer.json
  std::string config = {};    // tokenizer_config.json
  std::string special = {};   // special_tokens_map.json and
  std::string added = {};     // added_tokens.json: as older versions wrote parts of the former
  std::string shape = {};     // config.json, whose model_type stands for a missing tokenizer_class
  std::string model = {};     // tokenizer.model: of sentencepiece, or of tiktoken
  std::string tiktoken = {};  // a file *.tiktoken
  std::string vocab = {};     // vocab.json and
  std::string merges = {};    // merges.txt
};

struct FolderTokenizer {
  std::string file = {};            // for messages
  nlohmann::json description = {};  // as a tokenizer.json
  Additions additions = {};
};

// By tokenizer.json where there is one, else by the first that is there of tokenizer.model,
// *.tiktoken, and vocab.json with merges.txt; the other files say what is added to it. Throws
// strata::Error that names the file and what is malformed or not supported.
FolderTokenizer folder_tokenizer(const TokenizerFiles& files);

}  // namespace strata::text
