// The tokenizer of a folder, as transformers' AutoTokenizer makes it.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "text/additions.hpp"

namespace strata::text {

// The contents of a folder's files, empty where there is none.
struct TokenizerFiles {
  std::string folder = {};    // for messages
  std::string json = {};      // tokenizer.json
  std::string config = {};    // tokenizer_config.json
  std::string special = {};   // special_tokens_map.json and
  std::string added = {};     // added_tokens.json: older versions wrote parts of config there
  std::string shape = {};     // config.json, whose model_type replaces a missing tokenizer_class
  std::string model = {};     // tokenizer.model: of sentencepiece, or of tiktoken
  std::string tiktoken = {};  // a file *.tiktoken
  std::string vocab = {};     // vocab.json and
  std::string merges = {};    // merges.txt
  // Whether the user may give ids in place of text, as errors then say.
  bool takes_ids = false;
};

struct FolderTokenizer {
  std::string file = {};            // for messages
  nlohmann::json description = {};  // as a tokenizer.json
  Additions additions = {};
};

// Makes the tokenizer from tokenizer.json where there is one, else from the first present of
// tokenizer.model, *.tiktoken, and vocab.json with merges.txt; the other files add to it. Throws
// strata::Error that names the file and the malformed or unsupported part.
FolderTokenizer folder_tokenizer(const TokenizerFiles& files);

}  // namespace strata::text
