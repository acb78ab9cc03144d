// Text to ids and back, as the Hugging Face library tokenizers does it.
//
//   text -> added tokens as they are -> normalizer -> added tokens -> pre-tokenizer -> model
//        -> post-processor -> ids -> decoder -> text
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/added_tokens.hpp"
#include "core/text/decoder.hpp"
#include "core/text/gguf_vocabulary.hpp"
#include "core/text/model.hpp"
#include "core/text/normalizer.hpp"
#include "core/text/pre_tokenizer.hpp"
#include "core/text/tokenizer_folder.hpp"

namespace strata::text {

struct TokenizerParts {
  AddedTokens added;
  Normalizers normalizers;
  PreTokenizers pre_tokenizers;
  std::unique_ptr<Model> model;
  std::vector<int32_t> before, after;  // what the post-processor adds
  std::vector<DecoderStep> decoder;
  bool split_special = false;         // special tokens inside a text are text like other
  std::vector<std::string> warnings;  // what of the files is not followed
  std::vector<std::pair<std::string, std::string>> names;  // as `special_tokens` gives them
};

// Any number of threads may use one tokenizer at a time.
class Tokenizer {
 public:
  // `bytes` are those of a tokenizer.json, `file` names it in errors. Throws strata::Error where
  // they are malformed or ask for what is not supported.
  static Tokenizer from_json(std::string_view bytes, std::string file);
  // By the files of a folder. Throws alike.
  static Tokenizer from_files(const TokenizerFiles& files);
  // By the metadata of a GGUF file, as its `pre` means it. Throws alike.
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary, std::string file);

  // The ids of `text`; with `special`, what the post-processor adds too. Special tokens inside the
  // text are recognised in any case. Throws strata::Error where the text is not UTF-8, has what the
  // vocabulary has no token for, or where the file's pattern takes seconds on it.
  std::vector<int32_t> encode(std::string_view text, bool special = true) const;

  // The text of ids, bytes that are no UTF-8 as U+FFFD; with `skip_special` without special tokens.
  // Throws strata::Error that names the first id without a token.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;

  // The highest id and one more; an id below may have no token.
  int32_t vocab_size() const;
  // The token of an id as the file spells it, or as its text is normalized. Throws as decode does;
  // valid as long as this.
  const std::string& piece(int32_t id) const;
  bool has(int32_t id) const;
  // Whether an id's token is special; throws as decode does.
  bool is_special(int32_t id) const;
  // The id of a token as the file spells it.
  std::optional<int32_t> find(std::string_view token) const;

  // The steps from tokens to text; text_stream.hpp goes through them.
  const std::vector<DecoderStep>& decoder() const { return parts_.decoder; }

  // The tokenizer as a tokenizer.json: the file it came from, or one made of GGUF metadata; empty
  // where it came from a folder's files.
  const std::string& to_json() const { return json_; }

  // The special tokens of a folder by their names, "eos_token" and what it is: what its files say,
  // else its class.
  const std::vector<std::pair<std::string, std::string>>& special_tokens() const {
    return parts_.names;
  }

  // Lines to warn of: where the files are not followed to the letter.
  const std::vector<std::string>& warnings() const { return parts_.warnings; }

 private:
  Tokenizer(TokenizerParts parts, std::string json, std::string file);
  void encode_plain(NormalText text, RegexRoom& regex, WordCache& words,
                    std::vector<int32_t>& ids) const;

  TokenizerParts parts_;
  std::string json_;
  std::string file_;
};

}  // namespace strata::text
