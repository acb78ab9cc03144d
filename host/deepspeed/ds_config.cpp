#include "host/deepspeed/ds_config.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/source/json.hpp"
#include "host/cli/nearest.hpp"
#include "host/cli/toml.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string_view name_of(Type type) {
  constexpr std::string_view names[] = {"flag", "integer", "number", "text", "list", "object"};
  return names[static_cast<std::size_t>(type)];
}

// The value as its field's type; discarded where it is none. Flags may be written as text, and
// integers as 5e8, as DeepSpeed takes them.
json converted(Type type, const json& value) {
  json none(json::value_t::discarded);
  switch (type) {
    case Type::flag: {
      const auto text = value.is_string() ? lower(value.get<std::string>()) : "";
      if (text == "true" || text == "false") return text == "true";
      return value.is_boolean() ? value : none;
    }
    case Type::integer: {
      if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return none;
      if (value.is_number_integer()) return value;
      const auto number = value.is_number() ? value.get<double>() : NAN;
      const bool whole = number == std::floor(number) && std::abs(number) < 9e18;
      return whole ? json(static_cast<std::int64_t>(number)) : none;
    }
    case Type::number:
      return value.is_number() ? value : none;
    case Type::text:
      return value.is_string() ? value : none;
    case Type::list:
      return value.is_array() ? value : none;
    case Type::object:
      return value.is_object() ? value : none;
  }
  return none;
}

std::string dump(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

// A place in the text that an editor shows: line and column of a byte, all from 1.
std::string place_of(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(std::max<std::size_t>(byte, 1) - 1, text.size()));
  const auto lines = std::ranges::count(before, '\n');
  const auto column = before.size() - (lines > 0 ? before.rfind('\n') : std::string_view::npos);
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column);
}

json parse(const std::string& bytes, const std::string& name) {
  if (bytes.find_first_not_of(" \t\r\n") == bytes.npos)
    throw UsageError(name, "is empty", "give DeepSpeed's configuration in JSON, at least {}");
  try {
    return source::parse_json(bytes, name);
  } catch (const source::NotJson& e) {
    throw UsageError(name, place_of(bytes, e.byte()) + ": this is not JSON",
                     "mend it there; JSON has no comments, no TOML and no comma before } or ]");
  } catch (const Error& e) {
    throw UsageError(e);
  }
}

}  // namespace

DsConfig::DsConfig(const std::string& bytes, std::string name) : name_(std::move(name)) {
  const auto document = parse(bytes, name_);
  if (!document.is_object()) throw UsageError(name_, "is no JSON object", "give a ds_config");
  if (document.contains("weight_quantization"))
    throw UsageError(name_, "weight_quantization: quantizing while loading does not exist yet",
                     "leave it out: quantized files are used as they are");
  read(document, "");
}

void DsConfig::refuse(const std::string& key, const std::string& what,
                      const std::string& remedy) const {
  throw UsageError(name_, printable(key) + ": " + what, remedy);
}

void DsConfig::read(const json& object, const std::string& prefix) {
  for (const auto& [word, value] : object.items()) {
    const auto key = prefix + word;
    const auto* old = find_replaced(key);
    if (old)
      replaced_.push_back(
          {key, old->by.empty() ? std::string(old->words) : "use " + std::string(old->by)});
    if (old && old->by.empty()) continue;
    const auto path = old ? std::string(old->by) : key;
    if (value.is_null()) continue;  // as if it were absent
    if (const auto* field = find_field(path)) {
      take(*field, key, value);
    } else if (is_section(path)) {
      if (!value.is_object()) refuse(key, dump(value) + " is no object", "write {...}");
      read(value, path + ".");
    } else {
      unknown_.push_back(
          {printable(key), cli::did_you_mean(key, known_paths(), "DeepSpeed has no such key")});
    }
  }
}

void DsConfig::take(const Field& field, const std::string& key, const json& value) {
  const std::string path(field.path);
  auto typed = converted(field.type, value);
  const bool automatic =
      field.may_be_auto && value.is_string() && lower(value.get<std::string>()) == "auto";
  if (automatic) typed = "auto";
  if (typed.is_discarded())
    refuse(key, dump(value) + " is no " + std::string(name_of(field.type)),
           field.may_be_auto ? "mend it, or write \"auto\"" : "mend it");
  if (typed.is_number() &&
      (typed.get<double>() < field.low || !(typed.get<double>() <= field.high)))
    refuse(key, dump(value) + " is out of range", "mend it");
  if (!field.one_of.empty() &&
      ("|" + std::string(field.one_of) + "|").find("|" + typed.get<std::string>() + "|") ==
          std::string::npos)
    refuse(key, dump(value) + " is no known value", "give one of " + std::string(field.one_of));
  const auto [at, is_new] = values_.try_emplace(path, typed);
  if (!is_new && at->second != typed)
    refuse(key, dump(value) + ", and " + dump(at->second) + " under its other name",
           "give it once");
  if (!is_new) return;
  if (field.use == Use::ignored)
    ignored_.push_back({path, std::string(field.words)});
  else
    understood_.push_back(path);
}

json DsConfig::value(std::string_view path) const {
  if (const auto at = values_.find(std::string(path)); at != values_.end()) return at->second;
  const auto* field = find_field(path);
  if (!field || field->fallback.empty()) return nullptr;
  const auto fallback = json::parse(field->fallback);
  const auto typed = converted(field->type, fallback);
  return typed.is_discarded() ? fallback : typed;
}

const json* DsConfig::number(std::string_view path) const {
  const auto at = values_.find(std::string(path));
  return at != values_.end() && at->second.is_number() ? &at->second : nullptr;
}

DsConfig read_ds_config(const std::string& file) { return {cli::read_config_file(file), file}; }

}  // namespace strata::deepspeed
