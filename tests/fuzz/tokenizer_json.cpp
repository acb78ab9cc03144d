// A tokenizer.json, a form feed and a text: taken and used, or refused with an error.
// covers: sdk/text/added_tokens.cpp sdk/text/bpe.cpp sdk/text/byte_level.cpp
// covers: sdk/text/character_normalizers.cpp sdk/text/character_table.cpp
// covers: sdk/text/decoder.cpp sdk/text/json_added_tokens.cpp
// covers: sdk/text/json_decoder.cpp sdk/text/json_fields.cpp
// covers: sdk/text/json_model.cpp sdk/text/json_normalizer.cpp
// covers: sdk/text/json_post_processor.cpp sdk/text/json_pre_tokenizer.cpp
// covers: sdk/text/json_steps.cpp sdk/text/merge_table.cpp sdk/text/metaspace.cpp
// covers: sdk/text/model.cpp sdk/text/pattern.cpp sdk/text/pattern_class.cpp
// covers: sdk/text/pattern_cursor.cpp sdk/text/precompiled.cpp sdk/text/regex.cpp
// sdk/text/replace.cpp covers: sdk/text/split.cpp sdk/text/tokenizer_json.cpp
// sdk/text/trie.cpp covers: sdk/text/unigram.cpp sdk/text/vocabulary.cpp
// sdk/text/word_piece.cpp
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "text/text_stream.hpp"
#include "text/tokenizer.hpp"

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
