#include "registry/plugin_options.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/parse_size.hpp"
#include "core/plugin/calling.hpp"

namespace strata::registry {
namespace {

using nlohmann::json;

std::string copy(strata_str s) { return s.p ? std::string(s.p, s.n) : std::string(); }

// The fault of an option that a plugin declares; null if it has none.
const char* wrong_with(const strata_option* option, std::size_t before) {
  static constexpr std::array<std::string_view, 5> types{"integer", "number", "flag", "text",
                                                         "size"};
  constexpr std::size_t most_options = 4096, longest = 1 << 16;
  if (before == most_options) return "more than 4096";
  if (!option || option->hdr.size < sizeof(strata_option)) return "a struct that is too small";
  for (const auto& text : {option->key, option->type, option->fallback, option->help})
    if ((!text.p && text.n != 0) || text.n > longest) return "a text without bytes, or too long";
  if (option->key.n == 0) return "one without a key";
  if (std::ranges::find(types, std::string_view(option->type.p, option->type.n)) == types.end())
    return "a type that is not known";
  return nullptr;
}

// The value as the declared type, or a discarded value if it has another type.
json as_type(const json& value, const std::string& type) {
  json none(json::value_t::discarded);
  if (type == "integer") return value.is_number_integer() ? value : none;
  if (type == "number") return value.is_number() ? value : none;
  if (type == "flag") return value.is_boolean() ? value : none;
  if (type == "text") return value.is_string() ? value : none;
  if (type != "size") return none;
  if (value.is_number_integer() && value >= 0) return value;
  if (!value.is_string()) return none;
  const auto bytes = parse_size(value.get_ref<const std::string&>());
  return bytes ? json(*bytes) : none;
}

}  // namespace

std::vector<PluginOption> declared_options(const std::string& who, EmitOptions options) {
  struct Emitted {
    std::vector<PluginOption> all;
    const char* wrong = nullptr;
  } out;
  if (!options) return {};
  const auto take = [](void* to, const strata_option* option) noexcept {
    auto& emitted = *static_cast<Emitted*>(to);
    try {
      if (!emitted.wrong) emitted.wrong = wrong_with(option, emitted.all.size());
      if (!emitted.wrong)
        emitted.all.push_back(
            {copy(option->key), copy(option->type), copy(option->fallback), copy(option->help)});
    } catch (const std::bad_alloc&) {
      emitted.wrong = "more than there is memory for";
    }
  };
  plugin::called(who, "options", [&] { options(take, &out); });
  if (out.wrong)
    throw Error(who, std::string("its options: ") + out.wrong,
                "report this to the plugin's vendor");
  return std::move(out.all);
}

json checked_options(const std::string& section, const json& table,
                     const std::vector<PluginOption>& declared) {
  std::vector<std::string> keys;
  for (const auto& option : declared) keys.push_back(option.key);
  auto out = json::object();
  for (const auto& [key, value] : table.items()) {
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at == keys.end())
      throw UsageError(section, "unknown key '" + printable(key) + "'",
                       did_you_mean(key, keys, "the plugin knows no such key"));
    const auto& type = declared[static_cast<std::size_t>(at - keys.begin())].type;
    out[key] = as_type(value, type);
    if (out[key].is_discarded())
      throw UsageError(section, "'" + key + "' is no " + type,
                       type == "size" ? "write it as 512MiB" : "give a value of that type");
  }
  return out;
}

json raw_options(const PluginTables& tables, const Candidate& candidate) {
  const auto at = tables.find(candidate.manifest.kind + "." + candidate.manifest.name);
  return at == tables.end() ? json::object() : at->second;
}

void check_plugin_tables(const PluginTables& tables, const Registry& registry) {
  std::vector<std::string> known;
  for (const auto& candidate : registry.candidates())
    known.push_back(candidate.manifest.kind + "." + candidate.manifest.name);
  for (const auto& [section, table] : tables)
    if (std::find(known.begin(), known.end(), section) == known.end())
      throw UsageError("settings", "[" + printable(section) + "] belongs to no plugin",
                       did_you_mean(section, known, "see `strata plugins list`"));
}

}  // namespace strata::registry
