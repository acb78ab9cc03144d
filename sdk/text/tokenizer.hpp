// The tokenizer: text to ids and back, as the Hugging Face library tokenizers does it.
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

#include "core/source/gguf_vocabulary.hpp"
#include "text/added_tokens.hpp"
#include "text/decoder.hpp"
#include "text/model.hpp"
#include "text/normalizer.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/tokenizer_folder.hpp"

namespace strata::text {

// A stretch of a text whose ids do not depend on the text around it, but on whether it comes first:
// an added token, with the white space that it takes, or the text between two of them.
struct TextStretch {
  std::size_t begin, end;   // bytes
  std::size_t first, last;  // of its ids: the index of the first, and of the one behind the last
  bool token;
};

struct TokenizerParts {
  AddedTokens added;
  Normalizers normalizers;
  PreTokenizers pre_tokenizers;
  std::unique_ptr<Model> model;
  std::vector<int32_t> before, after;  // the ids that the post-processor adds
  std::vector<DecoderStep> decoder;
  bool split_special = false;         // special tokens inside a text count as plain text
  std::vector<std::string> warnings;  // differences to the files
  std::vector<std::pair<std::string, std::string>> names;  // as `special_tokens` gives them
};

// Any number of threads may use one tokenizer at a time.
class Tokenizer {
 public:
  // `bytes` are those of a tokenizer.json, `file` names it in errors. Throws strata::Error where
  // they are malformed or need an unsupported feature.
  static Tokenizer from_json(std::string_view bytes, std::string file);
  // Makes it from the files of a folder; throws alike.
  static Tokenizer from_files(const TokenizerFiles& files);
  // Makes it from the metadata of a GGUF file, by the meaning of its `pre`; throws alike.
  static Tokenizer from_gguf(const source::GgufVocabulary& vocabulary, std::string file);

  // The ids of `text`; with `special`, also those that the post-processor adds. Special tokens
  // inside the text are recognized in any case. Throws strata::Error where the text is not UTF-8,
  // has a part without a token in the vocabulary, or where the file's pattern takes seconds on it.
  std::vector<int32_t> encode(std::string_view text, bool special = true) const;
  // Does the same and fills `stretches`, which cover the text in order.
  std::vector<int32_t> encode(std::string_view text, bool special,
                              std::vector<TextStretch>& stretches) const;

  // The text of ids, with invalid UTF-8 as U+FFFD; with `skip_special` without special tokens.
  // Throws strata::Error that names the first id without a token.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;

  // One more than the highest id; an id below may have no token.
  int32_t vocab_size() const;
  // The token of an id as the file spells it, or as its text is normalized. Throws as decode does;
  // valid as long as this.
  const std::string& piece(int32_t id) const;
  bool has(int32_t id) const;
  // Whether an id's token is special; throws as decode does.
  bool is_special(int32_t id) const;
  // The id of a token as the file spells it.
  std::optional<int32_t> find(std::string_view token) const;

  // The steps from tokens to text, for text_stream.hpp.
  const std::vector<DecoderStep>& decoder() const { return parts_.decoder; }

  // The tokenizer as a tokenizer.json: its own file, or one made from GGUF metadata; empty where it
  // was made from a folder's files.
  const std::string& to_json() const { return json_; }

  // The special tokens of a folder by their names, "eos_token" and its content, from its files or
  // else its class.
  const std::vector<std::pair<std::string, std::string>>& special_tokens() const {
    return parts_.names;
  }

  // Lines of warnings about differences to the files.
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
