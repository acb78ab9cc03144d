#include "host/deepspeed/ds_config.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "host/deepspeed/hjson.hpp"
#include "host/deepspeed/lax_values.hpp"
#include "host/deepspeed/weight_quantization.hpp"
#include "host/process/settings_file.hpp"

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

// Whether the path is in a section whose values DeepSpeed passes to pydantic. It takes the values
// of other sections unconverted.
bool is_lax(std::string_view path) {
  return path.starts_with("zero_optimization.") || path.starts_with("fp16.") ||
         path.starts_with("bf16.");
}

bool is_auto(const json& value) {
  return value.is_string() && lower(value.get<std::string>()) == "auto";
}

std::string dump(const json& value) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

// The position of a byte as an editor shows it: line and column, both counted from 1.
std::string place_of(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte, text.size()));
  const auto lines = std::ranges::count(before, '\n');
  const auto column = before.size() - (lines > 0 ? before.rfind('\n') + 1 : 0);
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column + 1);
}

json parse(const std::string& bytes, const std::string& name) {
  if (bytes.find_first_not_of(" \t\r\n") == bytes.npos)
    throw UsageError(name, "is empty", "give DeepSpeed's configuration in JSON, at least {}");
  try {
    return parse_hjson(bytes);
  } catch (const NotHjson& e) {
    throw UsageError(name, place_of(bytes, e.at) + ": " + e.words,
                     "fix it there; a ds_config is JSON, and may have comments");
  }
}

}  // namespace

DsConfig::DsConfig(const std::string& bytes, std::string name) : name_(std::move(name)) {
  const auto document = parse(bytes, name_);
  if (!document.is_object()) throw UsageError(name_, "is no JSON object", "give a ds_config");
  read(document, "");
}

void DsConfig::refuse(const std::string& key, const std::string& what,
                      const std::string& remedy) const {
  throw UsageError(name_, printable(key) + ": " + what, remedy);
}

// "zero_optimization": true, as the first versions of DeepSpeed had it.
void DsConfig::read_old_zero(bool on) {
  replaced_.push_back({"zero_optimization", R"(write {"stage": )" + std::string(on ? "1}" : "0}")});
  read({{"stage", on ? 1 : 0}}, "zero_optimization.");
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
    if (path == weight_quantization) {
      quant_settings(value, name_);  // refuses what it cannot mean
      values_[path] = value;
      understood_.push_back(path);
      continue;
    }
    if (const auto* field = find_field(path)) {
      take(*field, key, value);
    } else if (is_section(path)) {
      if (is_auto(value)) continue;
      if (path == "zero_optimization" && value.is_boolean()) {
        read_old_zero(value.get<bool>());
        continue;
      }
      if (!value.is_object()) refuse(key, dump(value) + " is no object", "write {...}");
      read(value, path + ".");
    } else {
      unknown_.push_back(
          {printable(key), did_you_mean(key, known_paths(), "DeepSpeed has no such key")});
    }
  }
}

void DsConfig::take(const Field& field, const std::string& key, const json& value) {
  const std::string path(field.path);
  // A value "auto" is skipped here; the training frameworks fill it in.
  if (is_auto(value) && !field.may_be_auto) return;
  auto typed = is_auto(value) ? json("auto") : converted(field.type, value, is_lax(path));
  if (typed.is_discarded())
    refuse(key, dump(value) + " is no " + std::string(name_of(field.type)), "fix it");
  if (typed.is_number() &&
      (typed.get<double>() < field.low || !(typed.get<double>() <= field.high)))
    refuse(key, dump(value) + " is out of range", "fix it");
  if (!field.one_of.empty()) typed = lower(typed.get<std::string>());
  if (!field.one_of.empty() && typed != "auto" &&
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
  const auto typed = converted(field->type, fallback, true);
  return typed.is_discarded() ? fallback : typed;
}

const json* DsConfig::number(std::string_view path) const {
  const auto at = values_.find(std::string(path));
  return at != values_.end() && at->second.is_number() ? &at->second : nullptr;
}

DsConfig read_ds_config(const std::string& file) { return {host::read_settings_file(file), file}; }

}  // namespace strata::deepspeed
