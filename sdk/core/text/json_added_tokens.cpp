#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"
#include "core/text/json_model.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

AddedToken parse_added(const json& value, const std::string& path, const std::string& file) {
  const JsonFields fields(
      value, path, file,
      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  const auto id = fields.integer("id");
  if (id < 0 || id >= INT32_MAX) fields.refuse(fields.path("id") + " is out of range");
  AddedToken token{.content = fields.text("content"), .id = static_cast<int32_t>(id)};
  token.special = fields.flag("special", false);
  token.normalized = fields.flag("normalized", !token.special);
  token.single_word = fields.flag("single_word", false);
  token.lstrip = fields.flag("lstrip", false);
  token.rstrip = fields.flag("rstrip", false);
  if (token.content.empty()) fields.refuse(fields.path("content") + " is empty");
  return token;
}

}  // namespace

AddedTokens parse_added_tokens(const json* value, const Vocabulary& vocabulary,
                               const Normalizers& normalizers, const std::string& file) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> normal;
  Vocabulary added;
  if (value && !value->is_array())
    throw Error(file, "'added_tokens' is no array", "give a whole tokenizer.json");
  for (std::size_t i = 0; value && i < value->size(); ++i) {
    const auto path = "added_tokens[" + std::to_string(i) + "]";
    auto token = parse_added((*value)[i], path, file);
    const auto refuse = [&](const std::string& what) {
      throw Error(file, path + ": " + what, "give each token an id of its own");
    };
    const auto name = "token '" + printable(token.content, 60) + "' ";
    const auto known = vocabulary.find(token.content);
    if (known && *known != token.id)
      refuse(name + "has the id " + std::to_string(token.id) + ", in the vocab " +
             std::to_string(*known));
    if (!known && vocabulary.piece(token.id))
      refuse(name + "has the id " + std::to_string(token.id) + " of another");
    try {
      added.insert(token.content, token.id,
                   static_cast<std::size_t>(vocabulary.size()) + value->size());
    } catch (const std::invalid_argument& error) {
      refuse(error.what());
    }
    RegexRoom room(token.content.size());
    try {
      normal.push_back(normalized(normalizers, {token.content, false}, room).text);
    } catch (const std::runtime_error& error) {
      refuse(name + "cannot be normalized: " + error.what());
    }
    tokens.push_back(std::move(token));
  }
  try {
    return {std::move(tokens), normal};
  } catch (const std::invalid_argument& error) {
    throw Error(file, std::string("added_tokens: ") + error.what() + " is not supported",
                "give at most " + std::to_string(Trie::longest));
  }
}

}  // namespace strata::text
