// A GGUF file's tokenizer: the keys `tokenizer.*` of its metadata, not yet checked.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace strata::source {

struct GgufVocabulary {
  std::string model;                          // tokenizer.ggml.model
  std::string pre;                            // tokenizer.ggml.pre, empty where there is none
  std::vector<std::string> tokens;            // tokenizer.ggml.tokens, by id
  std::vector<std::string> merges;            // tokenizer.ggml.merges, "left right", first is best
  std::vector<double> scores;                 // tokenizer.ggml.scores, one a token, or none
  std::vector<int32_t> types;                 // tokenizer.ggml.token_type, one a token
  std::optional<int32_t> bos, eos, unk, pad;  // tokenizer.ggml.*_token_id
  std::vector<int32_t> ends;                  // end of a turn, a message and the like
  std::optional<bool> add_bos, add_eos;       // tokenizer.ggml.add_*_token
  std::optional<bool> add_space_prefix;       // tokenizer.ggml.add_space_prefix
  // tokenizer.chat_template as "default", and each tokenizer.chat_template.NAME.
  std::map<std::string, std::string> chat_templates;
};

}  // namespace strata::source
