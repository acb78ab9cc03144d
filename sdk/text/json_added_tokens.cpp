#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "text/json_fields.hpp"
#include "text/json_model.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

AddedToken parse_added(const json& value, const std::string& path, const std::string& file) {
  const JsonFields fields(
      value, path, file,
      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  const auto id = fields.find("id") ? fields.integer("id") : -1;
  if (id < -1 || id >= INT32_MAX) fields.refuse(fields.path("id") + " is out of range");
  AddedToken token{.content = fields.text("content"), .id = static_cast<int32_t>(id)};
  token.special = fields.flag("special", false);
  token.normalized = fields.flag("normalized", !token.special);
  token.single_word = fields.flag("single_word", false);
  token.lstrip = fields.flag("lstrip", false);
  token.rstrip = fields.flag("rstrip", false);
  return token;
}

// Warnings of ids in the file that differ from the tokens' numbering.
std::vector<std::string> warnings_of(const std::vector<AddedToken>& listed,
                                     const AddedTokens& added, const std::string& file) {
  std::string first;
  std::size_t others = 0;
  for (const auto& token : listed) {
    const auto* made = added.by_content(token.content);
    if (!made || token.id < 0 || made->id == token.id) continue;
    if (!first.empty())
      ++others;
    else
      first = file + ": added_tokens: '" + printable(token.content, 60) + "' has the id " +
              std::to_string(made->id) + " and not " + std::to_string(token.id);
  }
  if (first.empty()) return {};
  const auto more = others > 0 ? ", nor have " + std::to_string(others) + " others theirs" : "";
  return {first + more + ": ids go on from the vocabulary's end, as in the package tokenizers"};
}

}  // namespace

AddedTokens parse_added_tokens(const json* value, const Vocabulary& vocabulary,
                               const Normalizers& normalizers, const Additions& additions,
                               const std::string& file, std::vector<std::string>& warnings) {
  if (value && !value->is_array())
    throw Error(file, "'added_tokens' is no array", "give a whole tokenizer.json");
  std::vector<AddedToken> listed;
  for (std::size_t i = 0; value && i < value->size(); ++i)
    listed.push_back(parse_added((*value)[i], "added_tokens[" + std::to_string(i) + "]", file));
  AddedTokens added;
  added.add(listed, vocabulary);
  warnings = warnings_of(listed, added, file);
  for (const auto& tokens : additions.tokens) added.add(tokens, vocabulary);
  try {
    added.finish([&](const std::string& content) {
      RegexRoom room(content.size());
      return normalized(normalizers, {content, false}, room).text;
    });
  } catch (const std::invalid_argument& error) {
    throw Error(file, std::string("added_tokens: ") + error.what() + " is not supported",
                "give at most " + std::to_string(Trie::longest));
  } catch (const std::runtime_error& error) {
    throw Error(file, std::string("an added token cannot be normalized: ") + error.what(),
                "give another tokenizer");
  }
  return added;
}

}  // namespace strata::text
