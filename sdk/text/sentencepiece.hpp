// The content of a sentencepiece tokenizer.model.
// Format: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::text {

struct SentencePieceModel {
  enum Type : uint64_t { unigram = 1, bpe = 2 };
  enum Kind : uint64_t { normal = 1, unknown, control, user_defined, unused, byte };

  std::vector<std::string> pieces;  // valid UTF-8, by id
  std::vector<float> scores;
  std::vector<uint64_t> kinds;
  uint64_t type = unigram;
  bool byte_fallback = false;
  int64_t unk_id = 0, bos_id = 1, eos_id = 2;  // -1: there is none
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>";
  // normalizer_spec, with the defaults of its format.
  std::string charsmap;  // precompiled_charsmap
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// Whether the bytes of a tokenizer.model are sentencepiece's: they begin with the first piece,
// field 1.
inline bool is_sentencepiece(std::string_view bytes) { return bytes.starts_with('\n'); }

// Throws strata::Error that names `file` and the malformed part.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

}  // namespace strata::text
