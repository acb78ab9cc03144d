#include "text/config_token.hpp"

#include "core/error.hpp"

namespace strata::text {
namespace {

constexpr auto remedy = "give the model's own tokenizer_config.json";

}  // namespace

AddedToken ConfigToken::added(bool named) const {
  AddedToken out{.content = content};
  out.special = plain || special || named;
  out.normalized = normalized.value_or(!out.special);
  out.single_word = single_word;
  out.lstrip = lstrip;
  out.rstrip = rstrip;
  return out;
}

std::optional<bool> config_flag(const Description& object, const char* key,
                                const std::string& file) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_boolean())
    throw Error(file, std::string("'") + key + "' is neither true nor false", remedy);
  return found->get<bool>();
}

std::optional<ConfigToken> config_token(const Description& value, std::string_view key,
                                        const std::string& file) {
  if (value.is_null()) return std::nullopt;
  const bool flags = value.is_object() && value.contains("content");
  const auto& text = flags ? value["content"] : value;
  if (!text.is_string()) throw Error(file, "'" + printable(key, 60) + "' is no token", remedy);
  ConfigToken out{.content = text.get<std::string>(), .plain = !flags};
  if (out.content.empty()) return std::nullopt;
  if (!flags) return out;
  const auto given = [&](const char* name) { return config_flag(value, name, file); };
  out.special = given("special").value_or(false);
  out.single_word = given("single_word").value_or(false);
  out.lstrip = given("lstrip").value_or(false);
  out.rstrip = given("rstrip").value_or(false);
  out.normalized = given("normalized");
  return out;
}

}  // namespace strata::text
