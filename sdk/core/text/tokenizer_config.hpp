// What a tokenizer_config.json adds to a vocabulary that is no tokenizer.json.
// Format: https://huggingface.co/docs/transformers/main_classes/tokenizer
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/description.hpp"
#include "core/text/tokenizer_folder.hpp"

namespace strata::text {

struct TokenizerConfig {
  std::string file;                      // for messages
  std::string type;                      // tokenizer_class, without "Fast"
  std::map<int64_t, Description> added;  // added_tokens_decoder: added_token() of each id
  // Special tokens, added_token() without an id: bos, eos, unk, sep, pad, cls and mask_token in
  // this order and those of other names, then those of a list.
  std::vector<Description> named, listed;
  std::optional<std::string> bos, eos, unk;
  bool add_bos = false, add_eos = false;
  std::optional<bool> add_prefix_space;
  bool legacy = false;
};

// What the files of a folder say; those that are empty say nothing. Throws strata::Error that names
// the file and the key.
TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files);

// Adds to `out` the tokens that `config` asks for, those that `tokens` does not have with ids from
// its end on, and the template.
void add_tokens(const TokenizerConfig& config, std::span<const std::string> tokens,
                Description& out);

}  // namespace strata::text
