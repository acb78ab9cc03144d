#include "text/json_steps.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"

namespace strata::text {

using nlohmann::json;

std::string_view type_of(const json& value, std::string_view path, const std::string& file) {
  const auto found = value.find("type");
  if (!value.is_object() || found == value.end() || !found->is_string())
    throw Error(file, std::string(path) + " has no type", "give a whole tokenizer.json");
  return found->get_ref<const std::string&>();
}

void refuse_type(std::string_view type, std::string_view path, const std::string& file,
                 std::string_view known) {
  throw Error(file, std::string(path) + " of type '" + printable(type, 60) + "' is not supported",
              "known are " + std::string(known));
}

void each_step(const json& value, const std::string& path, const std::string& file,
               std::string_view key, const Step& step) {
  if (type_of(value, path, file) != "Sequence") return step(value, path);
  const JsonFields fields(value, path, file, {"type", key});
  const auto& steps = fields.array(key);
  for (std::size_t i = 0; i < steps.size(); ++i)
    each_step(steps[i], fields.path(key, i), file, key, step);
}

Regex parse_pattern(const JsonFields& fields) {
  const JsonFields pattern(fields.at("pattern"), fields.path("pattern"), fields.file(),
                           {"Regex", "String"});
  const bool literal = pattern.find("String");
  if (literal && pattern.find("Regex")) pattern.refuse(fields.path("pattern") + " is two");
  try {
    return {pattern.text(literal ? "String" : "Regex"),
            literal ? Regex::Kind::literal : Regex::Kind::pattern};
  } catch (const std::invalid_argument& error) {
    throw Error(fields.file(), fields.path("pattern") + ": " + error.what() + " is not supported",
                "write the pattern without it");
  }
}

PrependScheme prepend_scheme(const JsonFields& fields) {
  static const std::string always = "always";
  const auto& name = fields.text("prepend_scheme", always);
  const bool none = !fields.flag("add_prefix_space", true);
  if (none && fields.find("prepend_scheme") && name != "never")
    fields.refuse(fields.path("add_prefix_space") + " contradicts prepend_scheme");
  if (none || name == "never") return PrependScheme::never;
  if (name == "first") return PrependScheme::first;
  if (name != "always") fields.unsupported("prepend_scheme", name);
  return PrependScheme::always;
}

}  // namespace strata::text
