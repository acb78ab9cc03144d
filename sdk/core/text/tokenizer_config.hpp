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

namespace strata::text {

struct TokenizerConfig {
  std::string file;                      // for messages
  std::string type;                      // tokenizer_class, without "Fast"
  std::map<int64_t, Description> added;  // added_tokens_decoder: added_token() of each id
  // bos, eos, unk, sep, pad, cls and mask_token in this order, then further ones.
  std::vector<std::string> special;
  std::optional<std::string> bos, eos;
  bool add_bos = false, add_eos = false;
  std::optional<bool> add_prefix_space;
  bool legacy = false;
};

// `bytes` may be empty: then nothing is added. Throws strata::Error that names `file` and the key.
TokenizerConfig parse_tokenizer_config(std::string_view bytes, const std::string& file);

// Adds to `out` the tokens that `config` and `special` ask for, those that `tokens` does not have
// with ids from its end on, and the template.
void add_tokens(const TokenizerConfig& config, std::vector<std::string> special,
                std::span<const std::string> tokens, Description& out);

}  // namespace strata::text
