#include "core/adapter/targets.hpp"

#include <algorithm>
#include <charconv>

#include "core/error.hpp"

namespace strata::adapter {
namespace {

constexpr auto remedy = "correct adapter_config.json";
constexpr std::size_t most_names = 1 << 16;

[[noreturn]] void refuse(const std::string& who, const std::string& key, const std::string& what) {
  throw Error(who, key + " " + what, remedy);
}

const OrderedJson* given(const OrderedJson& config, const char* key) {
  const auto at = config.find(key);
  return at == config.end() || at->is_null() ? nullptr : &*at;
}

std::vector<std::string> names(const OrderedJson& value, const std::string& who,
                               const std::string& key) {
  if (!value.is_array()) refuse(who, key, "is no list of names");
  if (value.size() > most_names) refuse(who, key, "has too many names");
  std::vector<std::string> out;
  for (const auto& one : value) {
    if (!one.is_string()) refuse(who, key, "has an entry that is no text");
    out.push_back(one.get<std::string>());
  }
  return out;
}

std::vector<std::string> name_or_names(const OrderedJson& value, const std::string& who,
                                       const std::string& key) {
  if (value.is_string()) return {value.get<std::string>()};
  return names(value, who, key);
}

Names names_or_pattern(const OrderedJson& value, const std::string& who, const std::string& key) {
  if (value.is_string()) return Pattern(value.get<std::string>(), who + ": " + key, remedy);
  return names(value, who, key);
}

std::vector<std::int64_t> numbers(const OrderedJson& value, const std::string& who,
                                  const std::string& key) {
  std::vector<std::int64_t> out;
  const auto add = [&](const OrderedJson& one) {
    if (!one.is_number_integer()) refuse(who, key, "has an entry that is no number of a layer");
    out.push_back(one.get<std::int64_t>());
  };
  if (value.is_array())
    for (const auto& one : value) add(one);
  else
    add(value);
  return out;
}

bool is_all_linear(const OrderedJson& value) {
  if (!value.is_string()) return false;
  auto text = value.get<std::string>();
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text == "all-linear";
}

bool among(const Names& all, std::string_view module, Effort& effort) {
  if (const auto* pattern = std::get_if<Pattern>(&all)) return pattern->whole(module, effort);
  return std::ranges::any_of(std::get<0>(all),
                             [&](const std::string& one) { return ends_in(module, one); });
}

// The number of the module's layer, by the first pattern that finds one.
std::optional<std::int64_t> layer_of(const Targets& targets, std::string_view module,
                                     Effort& effort) {
  std::string_view index;
  bool found = false;
  for (const auto& pattern : targets.layers_patterns)
    if ((found = pattern.begins(module, effort, &index))) break;
  std::int64_t number = 0;
  if (!found ||
      std::from_chars(index.data(), index.data() + index.size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

}  // namespace

bool ends_in(std::string_view name, std::string_view end) {
  return name == end || (name.size() > end.size() && name.ends_with(end) &&
                         name[name.size() - end.size() - 1] == '.');
}

Targets Targets::of(const OrderedJson& config, const std::string& who) {
  Targets out;
  if (const auto* value = given(config, "target_modules")) {
    out.all_linear = is_all_linear(*value);
    if (!out.all_linear) out.modules = names_or_pattern(*value, who, "target_modules");
  }
  if (const auto* value = given(config, "exclude_modules"))
    if (!value->empty() && *value != "")
      out.excluded = names_or_pattern(*value, who, "exclude_modules");
  if (const auto* value = given(config, "target_parameters"))
    out.parameters = names(*value, who, "target_parameters");
  if (const auto* value = given(config, "layers_to_transform"))
    if (!value->is_array() || !value->empty())
      out.layers = numbers(*value, who, "layers_to_transform");
  if (const auto* value = given(config, "layers_pattern"))
    for (const auto& one : name_or_names(*value, who, "layers_pattern"))
      if (!one.empty())
        out.layers_patterns.emplace_back("(?:^|.*?\\.)" + one + "\\.(?P<idx>\\d+)\\.",
                                         who + ": layers_pattern", remedy);
  if (out.layers && out.layers_patterns.empty())
    out.layers_patterns.emplace_back(R"(.*?\.[^.]*\.(?P<idx>\d+)\.)", who, remedy);
  if (const auto* value = given(config, "modules_to_save")) {
    out.saved = name_or_names(*value, who, "modules_to_save");
    for (const auto& one : out.saved)
      out.saved_patterns.emplace_back("(^|.*\\.)" + one + "($|\\..*)", who + ": modules_to_save",
                                      remedy);
  }
  return out;
}

bool Targets::takes(std::string_view module, bool linear, Effort& effort) const {
  if (excluded && among(*excluded, module, effort)) return false;
  for (const auto& pattern : saved_patterns)
    if (pattern.begins(module, effort)) return false;
  if (all_linear) return linear;
  if (!modules) return parameters.empty();
  if (!among(*modules, module, effort)) return false;
  // Layers are counted neither for a pattern nor for a name that is whole.
  const auto* listed = std::get_if<0>(&*modules);
  if (!layers || !listed || std::ranges::find(*listed, module) != listed->end()) return true;
  const auto number = layer_of(*this, module, effort);
  return number && std::ranges::find(*layers, *number) != layers->end();
}

bool Targets::takes_parameter(std::string_view parameter) const {
  return std::ranges::any_of(parameters,
                             [&](const std::string& one) { return ends_in(parameter, one); });
}

}  // namespace strata::adapter
