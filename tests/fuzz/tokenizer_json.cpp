// A tokenizer.json, a form feed and a text: taken and used, or refused with an error.
// covers: sdk/core/text/added_tokens.cpp sdk/core/text/bpe.cpp sdk/core/text/byte_level.cpp
// covers: sdk/core/text/character_normalizers.cpp sdk/core/text/character_table.cpp
// covers: sdk/core/text/decoder.cpp sdk/core/text/json_added_tokens.cpp
// covers: sdk/core/text/json_decoder.cpp sdk/core/text/json_fields.cpp
// covers: sdk/core/text/json_model.cpp sdk/core/text/json_normalizer.cpp
// covers: sdk/core/text/json_post_processor.cpp sdk/core/text/json_pre_tokenizer.cpp
// covers: sdk/core/text/json_steps.cpp sdk/core/text/merge_table.cpp sdk/core/text/metaspace.cpp
// covers: sdk/core/text/model.cpp sdk/core/text/pattern.cpp sdk/core/text/pattern_class.cpp
// covers: sdk/core/text/pattern_cursor.cpp sdk/core/text/precompiled.cpp sdk/core/text/regex.cpp
// sdk/core/text/replace.cpp covers: sdk/core/text/split.cpp sdk/core/text/tokenizer_json.cpp
// sdk/core/text/trie.cpp covers: sdk/core/text/unigram.cpp sdk/core/text/vocabulary.cpp
// sdk/core/text/word_piece.cpp
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/text/text_stream.hpp"
#include "core/text/tokenizer.hpp"

using namespace strata::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\f');
  try {
    const auto tokenizer = Tokenizer::from_json(input.substr(0, end), "fuzz.json");
    const auto text = end == input.npos ? "It's 12\n \u00e9 " : input.substr(end + 1);
    const auto ids = tokenizer.encode(text.substr(0, 256));
    TextStream stream(tokenizer, true);
    std::string streamed;
    for (const auto id : ids) streamed += stream.add(id);
    if (streamed + stream.finish() != tokenizer.decode(ids, true)) std::abort();
  } catch (const strata::Error&) {
  }
  return 0;
}
