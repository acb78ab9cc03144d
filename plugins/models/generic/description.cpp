#include "description.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "gguf.hpp"
#include "keys.hpp"

namespace generic {
namespace {

using strata::Failure;

bool is_section(std::string_view name) {
  return std::ranges::find(known, name, &Key::section) != std::end(known);
}

std::string words_of(std::string_view section) {
  std::string out;
  for (const auto& key : known)
    if (key.section == section) out.append(out.empty() ? "" : ", ").append(key.name);
  return out;
}

// Whether the node is a literal of the type, an expression, or false, which means off.
bool fits(const toml::node& node, Type type) {
  if (const auto* text = node.as_string())
    return type == Type::text || text->get().find('$') != std::string::npos;
  if (const auto* flag = node.as_boolean())
    return type == Type::flag || (type == Type::number && !flag->get());
  if (type == Type::size) return node.is_integer();
  return type == Type::number && node.is_number();
}

std::string type_words(Type type) {
  constexpr std::array words{"a whole number", "a number", "true or false", "text"};
  return words.at(static_cast<std::size_t>(type));
}

toml::table parsed(std::string_view text, const std::string& file) {
  constexpr std::size_t most = 1 << 20;
  const auto refuse = [&](const std::string& fact) {
    return Failure(STRATA_INVALID, file + ": " + fact + ": correct the description");
  };
  if (text.size() > most) throw refuse("larger than 1 MiB");
  const auto line =
      1 + std::count(text.begin(),
                     std::find_if(text.begin(), text.end(), [](char c) { return c < 0; }), '\n');
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < 0; }))
    throw refuse("line " + std::to_string(line) + ": a character beyond ASCII");
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    throw refuse("line " + std::to_string(e.source().begin.line) + ": " +
                 std::string(e.description()));
  }
}

}  // namespace

Failure Description::invalid(const toml::node* node, std::string_view key,
                             const std::string& fact) const {
  auto where = file_ + ": ";
  // The error for a missing key names the line of its section.
  if (!node) node = root_->get(key.substr(0, key.find('.')));
  if (node) where += "line " + std::to_string(node->source().begin.line) + ": ";
  return {STRATA_INVALID, where + std::string(key) + ": " + fact};
}

Description::Description(std::string_view text, std::string file)
    : file_(std::move(file)), root_(std::make_shared<const toml::table>(parsed(text, file_))) {
  const auto* type = root_->get("model_type");
  if (!type || !type->is_string())
    throw invalid(type, "model_type", "it is missing or no text: name what the file describes");
  model_type_ = type->as_string()->get();
  if (const auto* defaults = root_->get_as<toml::table>("defaults")) defaults_ = *defaults;
  check_sections(*root_, false);
  if (const auto* gguf = root_->get_as<toml::table>("gguf")) check_gguf(*this, *gguf);
  const auto* variants = root_->get("variant");
  if (!variants) return;
  if (!variants->is_array_of_tables())
    throw invalid(variants, "variant", "it is no list of tables: write [[variant]]");
  constexpr std::size_t most = 64;
  if (variants->as_array()->size() > most)
    throw invalid(variants, "variant", "there are more than " + std::to_string(most));
  for (const auto& variant : *variants->as_array()) {
    const auto& table = *variant.as_table();
    if (!table.get_as<toml::table>("when"))
      throw invalid(&variant, "variant", "it has no table 'when': say when it holds");
    check_sections(table, true);
    variants_.push_back(&table);
  }
}

void Description::check_sections(const toml::table& table, bool variant) const {
  for (const auto& [name, section] : table) {
    const auto text = std::string(name.str());
    constexpr std::array beside{"defaults", "null", "names", "expect", "gguf", "variant"};
    if (variant ? text == "when" : std::ranges::find(beside, text) != beside.end()) {
      if (text != "variant" && !section.is_table()) throw invalid(&section, text, "it is no table");
      continue;
    }
    if (!variant && text == "model_type") continue;
    if (!is_section(text))
      throw invalid(&section, text,
                    "there is no such section: use model, embedding, head, norm, attention, "
                    "latent, rope, mlp, experts or shared");
    if (!section.is_table())
      throw invalid(&section, text, "it is no section: write [" + text + "]");
    for (const auto& [key, value] : *section.as_table()) {
      const std::string_view name_of_key = key.str();
      const auto full = text + "." + std::string(name_of_key);
      const auto at = std::ranges::find_if(
          known, [&](const Key& one) { return one.section == text && one.name == name_of_key; });
      if (at == std::end(known))
        throw invalid(&value, full, "there is no such key: use " + words_of(text));
      if (!fits(value, at->type))
        throw invalid(&value, full, "it is not " + type_words(at->type) + " and no expression");
    }
  }
}

void Description::check(const Values& values) const {
  // Each default is checked, so that the result does not depend on the keys that a configuration
  // uses.
  if (const auto* meant = nulls())
    for (const auto& [key, node] : defaults_) {
      const auto* found = values.given(key.str());
      if (found && found->is_null() && !node.is_table() && !meant->contains(key.str()))
        throw Failure(STRATA_INVALID, "config.json: '" + std::string(key.str()) +
                                          "' is null: give a value, or take the key away");
    }
  const auto* expected = root_->get_as<toml::table>("expect");
  if (!expected) return;
  for (const auto& entry : *expected) {
    const auto path = std::string(entry.first.str());
    const auto& node = entry.second;
    const auto found = values.at(path, {});
    if (found.is_discarded()) continue;
    const bool fits = [&] {
      if (const auto* list = node.as_array())
        return std::any_of(list->begin(), list->end(),
                           [&](const toml::node& one) { return values.of(one, {}) == found; });
      return values.of(node, {}) == found;
    }();
    if (!fits)
      throw invalid(&node, "expect." + path,
                    "config.json has " + found.dump() +
                        ", which is not described: give a model with the expected value");
  }
}

bool Description::holds(const toml::table& when, const Values& values, std::int64_t layer) const {
  return std::all_of(when.begin(), when.end(), [&](const auto& condition) {
    const auto expected = values.of(condition.second, {.layer = layer});
    const auto found = values.at(condition.first.str(), {.layer = layer, .off = expected == false});
    return (found.is_null() && expected == false) || (!found.is_discarded() && found == expected);
  });
}

Reader::Reader(const Description& description, const Values& values, std::int64_t layer)
    : description_(description), values_(values), layer_(layer) {
  tables_.push_back(description.root_.get());
  for (const auto* variant : description.variants_) {
    const auto& when = *variant->get_as<toml::table>("when");
    try {
      if (description.holds(when, values, layer)) tables_.push_back(variant);
    } catch (const Failure& e) {
      throw description.invalid(&when, "when", e.what());
    }
  }
}

const toml::node* Reader::find(std::string_view key) const {
  const auto dot = key.find('.');
  for (auto table = tables_.rbegin(); table != tables_.rend(); ++table)
    if (const auto* section = (*table)->get_as<toml::table>(key.substr(0, dot)))
      if (const auto* node = section->get(key.substr(dot + 1))) return node;
  return nullptr;
}

const toml::node& Reader::need(std::string_view key) const {
  if (const auto* node = find(key)) return *node;
  throw description_.invalid(nullptr, key, "the description does not say it");
}

Failure Reader::invalid(std::string_view key, const std::string& fact) const {
  return description_.invalid(find(key), key, fact);
}

template <class Read>
auto Reader::read(std::string_view key, const toml::node& node, bool off, Read read) const {
  try {
    return read(values_.of(node, {.layer = layer_, .off = off}));
  } catch (const Failure& e) {
    throw description_.invalid(&node, key, e.what());
  }
}

std::int64_t Reader::size(std::string_view key) const {
  return read(key, need(key), false, [](const Value& value) { return whole(value, 1); });
}

std::int64_t Reader::size(std::string_view key, std::int64_t fallback) const {
  return has(key) ? size(key) : fallback;
}

double Reader::number(std::string_view key, double fallback) const {
  const auto* node = find(key);
  if (!node) return fallback;
  return read(key, *node, true, [&](const Value& value) {
    if (value.is_null() || value == false) return fallback;
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      throw Failure(STRATA_INVALID, value.dump() + " is no number: fix config.json");
    return value.get<double>();
  });
}

bool Reader::flag(std::string_view key, bool fallback) const {
  const auto* node = find(key);
  if (!node) return fallback;
  return read(key, *node, false, [](const Value& value) {
    if (!value.is_boolean())
      throw Failure(STRATA_INVALID, value.dump() + " is not true or false: fix config.json");
    return value.get<bool>();
  });
}

std::string Reader::text(std::string_view key) const {
  return read(key, need(key), false, [](const Value& value) {
    if (!value.is_string())
      throw Failure(STRATA_INVALID, value.dump() + " is no text: fix config.json");
    return value.get<std::string>();
  });
}

std::string Reader::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

std::size_t Reader::choice(std::string_view key,
                           std::initializer_list<std::string_view> words) const {
  const auto given = text(key);
  const auto at = std::find(words.begin(), words.end(), given);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  std::string all;
  for (const auto word : words) all.append(all.empty() ? "" : ", ").append(word);
  throw invalid(key, "'" + given + "' is none of " + all);
}

}  // namespace generic
