#include "text/tokenizer.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "core/utf8.hpp"
#include "text/json_fields.hpp"
#include "text/text_stream.hpp"
#include "text/tokenizer_json.hpp"

namespace strata::text {
namespace {

constexpr std::size_t longest_text = std::numeric_limits<int32_t>::max() / 16;

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts, std::string json, std::string file)
    : parts_(std::move(parts)), json_(std::move(json)), file_(std::move(file)) {}

Tokenizer Tokenizer::from_json(std::string_view bytes, std::string file) {
  auto parts = parse_tokenizer_json(read_json(bytes, file), {}, file);
  return {std::move(parts), std::string(bytes), std::move(file)};
}

Tokenizer Tokenizer::from_files(const TokenizerFiles& files) {
  auto made = folder_tokenizer(files);
  auto parts = parse_tokenizer_json(made.description, made.additions, made.file);
  return {std::move(parts), "", std::move(made.file)};
}

Tokenizer Tokenizer::from_gguf(const source::GgufVocabulary& vocabulary, std::string file) {
  auto json = gguf_tokenizer_json(vocabulary, file);
  auto parts = parse_tokenizer_json(read_json(json, file), {}, file);
  return {std::move(parts), std::move(json), std::move(file)};
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool special) const {
  std::vector<TextStretch> stretches;
  return encode(text, special, stretches);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool special,
                                       std::vector<TextStretch>& stretches) const {
  if (const auto at = invalid_utf8(text))
    throw Error("text", "byte " + std::to_string(*at) + " is not UTF-8", "give UTF-8 text");
  if (text.size() > longest_text)
    throw Error("text", std::to_string(text.size()) + " bytes are too many",
                "give at most " + std::to_string(longest_text) + " at once");
  std::vector<int32_t> ids;
  if (special) ids = parts_.before;
  RegexRoom regex(text.size());
  WordCache words(text.size());
  try {
    std::vector<TextPart> plain;
    parts_.added.plain().parts(text, parts_.added.all(), parts_.split_special, regex, plain);
    stretches.clear();
    for (const auto& part : plain) {
      const auto begin = static_cast<std::size_t>(part.text.data() - text.data());
      stretches.push_back({begin, begin + part.text.size(), ids.size(), 0, part.id.has_value()});
      if (part.id)
        ids.push_back(*part.id);
      else
        encode_plain({std::string(part.text), begin == 0}, regex, words, ids);
      stretches.back().last = ids.size();
    }
  } catch (const std::runtime_error& error) {
    throw Error(file_, error.what(), "give another text or tokenizer");
  }
  if (special) ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
  return ids;
}

// Encodes text that contains no tokens matched in the text as it is.
void Tokenizer::encode_plain(NormalText text, RegexRoom& regex, WordCache& words,
                             std::vector<int32_t>& ids) const {
  text = normalized(parts_.normalizers, std::move(text), regex);
  std::vector<TextPart> parts;
  parts_.added.normalized().parts(text.text, parts_.added.all(), parts_.split_special, regex,
                                  parts);
  for (const auto& part : parts) {
    if (part.id) {
      ids.push_back(*part.id);
      continue;
    }
    Pieces pieces(part.text, text.first && part.text.data() == text.text.data());
    for (const auto& step : parts_.pre_tokenizers) {
      step->apply(pieces, regex);
      regex.check_size(pieces.text.size());
    }
    for (const auto range : pieces.ranges) parts_.model->encode(pieces.view(range), words, ids);
  }
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string text;
  TextStream stream(*this, skip_special);
  for (const auto id : ids) text += stream.add(id);
  return text + stream.finish();
}

int32_t Tokenizer::vocab_size() const {
  return std::max(parts_.added.size(), parts_.model->vocabulary().size());
}

const std::string& Tokenizer::piece(int32_t id) const {
  if (const auto* added = parts_.added.text(id)) return *added;
  if (const auto* piece = parts_.model->vocabulary().piece(id)) return *piece;
  throw Error(file_,
              "id " + std::to_string(id) + " has no token in a vocabulary of " +
                  std::to_string(vocab_size()),
              "give ids of this vocabulary");
}

bool Tokenizer::has(int32_t id) const {
  return parts_.added.text(id) || parts_.model->vocabulary().piece(id);
}

bool Tokenizer::is_special(int32_t id) const {
  if (!parts_.added.text(id)) piece(id);
  return parts_.added.is_special(id);
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  if (const auto* added = parts_.added.by_content(token)) return added->id;
  return parts_.model->vocabulary().find(token);
}

}  // namespace strata::text
