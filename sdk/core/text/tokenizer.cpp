#include "core/text/tokenizer.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/byte_level.hpp"
#include "core/text/nfc.hpp"
#include "core/text/text_stream.hpp"
#include "core/text/tokenizer_json.hpp"
#include "core/text/utf8.hpp"

namespace strata::text {
namespace {

constexpr std::size_t longest_text = std::numeric_limits<int32_t>::max() / 16;

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts, std::string json, std::string file)
    : parts_(std::move(parts)), json_(std::move(json)), file_(std::move(file)) {}

Tokenizer Tokenizer::from_json(std::string_view bytes, std::string file) {
  auto parts = parse_tokenizer_json(bytes, file);
  return {std::move(parts), std::string(bytes), std::move(file)};
}

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& vocabulary, std::string file) {
  auto json = gguf_tokenizer_json(vocabulary, file);
  auto parts = parse_tokenizer_json(json, file);
  return {std::move(parts), std::move(json), std::move(file)};
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool special) const {
  if (const auto at = invalid_utf8(text))
    throw Error("text", "byte " + std::to_string(*at) + " is not UTF-8", "give UTF-8 text");
  if (text.size() > longest_text)
    throw Error("text", std::to_string(text.size()) + " bytes are too many",
                "give at most " + std::to_string(longest_text) + " at once");
  std::vector<int32_t> ids;
  if (special) ids = parts_.before;
  RegexRoom regex(text.size());
  BpeRoom bpe;
  try {
    std::vector<TextPart> plain;
    parts_.added.plain().parts(text, parts_.added.all(), regex, plain);
    for (const auto& part : plain)
      if (part.id)
        ids.push_back(*part.id);
      else
        encode_plain(part.text, regex, bpe, ids);
  } catch (const std::runtime_error& error) {
    throw Error(file_, error.what(), "give a shorter text or another tokenizer");
  }
  if (special) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

// Text without the tokens that are looked for in it as it is.
void Tokenizer::encode_plain(std::string_view text, RegexRoom& regex, BpeRoom& bpe,
                             std::vector<int32_t>& ids) const {
  std::string normal;
  if (parts_.nfc) {
    normal = nfc(text);
    text = normal;
  }
  std::vector<TextPart> normalized;
  parts_.added.normalized().parts(text, parts_.added.all(), regex, normalized);
  for (const auto& part : normalized)
    if (part.id)
      ids.push_back(*part.id);
    else
      parts_.pre.apply(part.text, regex, [&](auto word) { parts_.model.encode(word, bpe, ids); });
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  TextStream stream(*this, skip_special);
  for (const auto id : ids) text += stream.add(id);
  return text + stream.finish();
}

int32_t Tokenizer::vocab_size() const {
  return std::max(parts_.added.size(), parts_.model.vocabulary().size());
}

const std::string& Tokenizer::piece(int32_t id) const {
  if (const auto* added = parts_.added.by_id(id)) return added->content;
  if (const auto* piece = parts_.model.vocabulary().piece(id)) return *piece;
  throw Error(file_,
              "id " + std::to_string(id) + " has no token in a vocabulary of " +
                  std::to_string(vocab_size()),
              "give ids of this vocabulary");
}

std::string Tokenizer::bytes(int32_t id) const {
  const auto& spelling = piece(id);
  return unspell(spelling).value_or(spelling);
}

bool Tokenizer::is_special(int32_t id) const {
  const auto* added = parts_.added.by_id(id);
  if (!added) piece(id);
  return added && added->special;
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  if (const auto* added = parts_.added.by_content(token)) return added->id;
  return parts_.model.vocabulary().find(token);
}

}  // namespace strata::text
