// The configuration of tokens in the files beside a vocabulary or a tokenizer.json, as
// transformers' AutoTokenizer reads it. Format:
// https://huggingface.co/docs/transformers/main_classes/tokenizer
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/config_token.hpp"
#include "text/tokenizer_folder.hpp"

namespace strata::text {

struct TokenizerConfig {
  std::string file;                      // for messages
  std::string type;                      // tokenizer_class, without "Fast"
  std::map<int64_t, ConfigToken> added;  // added_tokens_decoder, or the older form of it
  // bos, eos, unk, sep, pad, cls and mask_token in this order where they exist, then those with
  // other names.
  std::vector<std::pair<std::string, ConfigToken>> named;
  std::vector<ConfigToken> listed;  // extra_special_tokens
  std::optional<bool> add_bos, add_eos, add_prefix_space, legacy;
  bool split_special = false;
  bool mistral_regex = false;  // fix_mistral_regex, for files of the models that need it

  // The content of the token of this name.
  std::optional<std::string> find(std::string_view name) const;
};

// `json` is the folder's tokenizer.json, null where there is none. Empty files count as absent.
// Throws strata::Error that names the file and the key.
TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files, const nlohmann::json* json);

}  // namespace strata::text
