#include "values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace generic {
namespace {

using strata::Failure;

constexpr int deepest = 8;  // chain of defaults that refer to others
constexpr std::int64_t most_lookups = 1 << 20;
constexpr double largest_whole = 9007199254740992.0;

Failure invalid(const std::string& words) { return {STRATA_INVALID, words}; }
std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

// Calls `step` with each key of "a.b.c".
template <class Step>
void walk(std::string_view path, Step step) {
  while (true) {
    const auto end = std::min(path.find('.'), path.size());
    step(path.substr(0, end));
    if (end == path.size()) return;
    path.remove_prefix(end + 1);
  }
}

const Value* find(const Value& config, std::string_view path) {
  const Value* at = &config;
  walk(path, [&](std::string_view key) {
    if (!at || !at->is_object()) return void(at = nullptr);
    const auto found = at->find(std::string(key));
    at = found == at->end() ? nullptr : &*found;
  });
  return at;
}

const toml::node* find(const toml::table& defaults, std::string_view path) {
  const toml::node* at = &defaults;
  walk(path, [&](std::string_view key) {
    const auto* table = at ? at->as_table() : nullptr;
    at = table ? table->get(key) : nullptr;
  });
  return at;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == text.npos) return out;
    text.remove_prefix(begin);
    const auto end = std::min(text.find(' '), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

double number(const Value& value) {
  if (!value.is_number()) throw invalid(value.dump() + " is no number");
  return value.get<double>();
}

// The value as an integer if it is a whole number.
Value plain(double value) {
  if (!std::isfinite(value)) throw invalid("its value is not finite");
  if (value == std::trunc(value) && std::abs(value) < largest_whole)
    return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

Values::Values(std::string_view config, const toml::table& defaults, const toml::table* nulls,
               const toml::table* names)
    : config_(nlohmann::json::parse(config, nullptr, false)), defaults_(defaults), nulls_(nulls) {
  if (!config_.is_object()) throw invalid("config.json is no JSON object: check the file");
  if (!names) return;
  for (const auto& [name, key] : *names) {
    const auto* meant = key.as_string();
    if (!meant) throw invalid(quoted(name.str()) + " in [names] is no name of a key");
    const auto found = config_.find(std::string(name.str()));
    if (found != config_.end()) config_[meant->get()] = *found;
  }
}

Value Values::of(const toml::node& node, Place place, int depth) const {
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* rule = node.as_table()) return by_layer(*rule, place, depth);
  const auto* text = node.as_string();
  if (!text) throw invalid("a value is a number, true, false, text or a rule by layer");
  if (text->get().find('$') == std::string::npos) return text->get();
  return expression(text->get(), place, depth);
}

Value Values::at(std::string_view path, Place place, int depth) const {
  if (depth > deepest) throw invalid("the default of " + quoted(path) + " refers to itself");
  if (++looked_up_ > most_lookups) throw invalid("the description looks up too many values");
  if (path == "layer" && place.layer != no_layer) return place.layer + 1;
  const auto* found = find(config_, path);
  if (found && found->is_array()) {
    if (place.layer == no_layer) return Value(Value::value_t::discarded);
    const auto layer = static_cast<std::size_t>(place.layer);
    if (layer >= found->size())
      throw invalid("config.json: " + quoted(path) + " has " + std::to_string(found->size()) +
                    " entries, fewer than there are layers");
    found = &(*found)[layer];
  }
  if (!found) return otherwise(path, place, depth);
  if (!found->is_null()) return *found;
  const auto* meant = nulls_ ? find(*nulls_, path) : nullptr;
  if (stands_for_absent(path, meant, place)) return otherwise(path, place, depth);
  return meant ? of(*meant, place, depth + 1) : *found;
}

Value Values::otherwise(std::string_view path, Place place, int depth) const {
  const auto* node = find(defaults_, path);
  return node ? of(*node, place, depth + 1) : Value(Value::value_t::discarded);
}

// Whether null means that the key is absent; throws if null has no meaning for the key.
bool Values::stands_for_absent(std::string_view path, const toml::node* meant, Place place) const {
  if (!nulls_) return !place.off;
  if (!meant)
    throw invalid("config.json: " + quoted(path) + " is null: give a value, or take the key away");
  const auto* text = meant->as_string();
  return text && text->get() == "absent";
}

const Value* Values::given(std::string_view path) const { return find(config_, path); }

Value Values::default_object(std::string_view path) const {
  const auto* node = find(defaults_, path);
  const auto* table = node ? node->as_table() : nullptr;
  if (!table) return Value(Value::value_t::discarded);
  auto out = Value::object();
  for (const auto& [key, value] : *table) out[std::string(key.str())] = of(value, {});
  return out;
}

// {every = n, last = a, others = b}, or `first` for `last`; {from = n, before = a, after = b};
// {until = n, then = a, others = b}, n included; {listed = path, then = a, others = b};
// {repeated = path, others = b}.
Value Values::by_layer(const toml::table& rule, Place place, int depth) const {
  const std::size_t members = rule.contains("repeated") ? 2 : 3;
  const auto member = [&](std::string_view key) -> const toml::node& {
    const auto* node = rule.get(key);
    if (!node || rule.size() != members)
      throw invalid(
          "a rule by layer is {every, first or last, others}, {from, before, after}, "
          "{until, then, others}, {listed, then, others} or {repeated, others}");
    return *node;
  };
  if (rule.contains("repeated")) {
    const auto* path = member("repeated").as_string();
    const auto& others = member("others");
    if (!path) throw invalid("'repeated' is a key of config.json");
    const auto* blocks = given(path->get());
    if (!blocks || blocks->is_null()) return of(others, place, depth + 1);
    return place.layer == no_layer ? Value(Value::value_t::discarded)
                                   : repeated(*blocks, path->get(), place.layer);
  }
  if (rule.contains("until")) {
    const auto last = whole(of(member("until"), {}, depth + 1), 0);
    const auto &then = member("then"), &others = member("others");
    if (place.layer == no_layer) return Value(Value::value_t::discarded);
    return of(place.layer <= last ? then : others, place, depth + 1);
  }
  if (rule.contains("listed")) {
    const auto& then = member("then");
    const auto& others = member("others");
    const auto* path = member("listed").as_string();
    if (!path) throw invalid("'listed' is a key of config.json");
    if (place.layer == no_layer) return Value(Value::value_t::discarded);
    return of(lists(path->get(), place.layer) ? then : others, place, depth + 1);
  }
  const bool every = rule.contains("every"), leads = rule.contains("first");
  const auto& count = member(every ? "every" : "from");
  const auto& one = member(!every ? "before" : leads ? "first" : "last");
  const auto& other = member(every ? "others" : "after");
  if (place.layer == no_layer) return Value(Value::value_t::discarded);
  const auto n = whole(of(count, {}, depth + 1), every ? 1 : 0);
  const bool chosen = every ? (place.layer + (leads ? 0 : 1)) % n == 0 : place.layer < n;
  return of(chosen ? one : other, place, depth + 1);
}

// The layer's entry of a list of [[entry, ...], times].
Value Values::repeated(const Value& blocks, std::string_view path, std::int64_t layer) const {
  const auto wrong = [&](const std::string& what) {
    return invalid("config.json: " + quoted(path) + " " + what);
  };
  if (!blocks.is_array()) throw wrong("is no list of [entries, times]");
  for (const auto& block : blocks) {
    if (!block.is_array() || block.size() != 2 || !block[0].is_array() || block[0].empty())
      throw wrong("is no list of [entries, times]");
    if (++looked_up_ > most_lookups) throw wrong("has too many parts");
    const auto size = static_cast<std::int64_t>(block[0].size());
    const auto layers = size * whole(block[1], 0);
    if (layer < layers) return block[0][static_cast<std::size_t>(layer % size)];
    layer -= layers;
  }
  throw wrong("has fewer entries than there are layers");
}

bool Values::lists(std::string_view path, std::int64_t layer) const {
  const auto* found = find(config_, path);
  if (!found || found->is_null()) return false;
  if (!found->is_array()) throw invalid("config.json: " + quoted(path) + " is no list of layers");
  constexpr std::int64_t of_one_lookup = 64;
  looked_up_ += static_cast<std::int64_t>(found->size()) / of_one_lookup;
  return std::find(found->begin(), found->end(), Value(layer)) != found->end();
}

Value Values::operand(std::string_view word, Place place, int depth) const {
  if (word.starts_with('$')) {
    auto value = at(word.substr(1), place, depth);
    if (value.is_discarded())
      throw invalid("config.json has no " + quoted(word.substr(1)) + ": the model needs it");
    return value;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size())
    throw invalid(quoted(word) + " is no number and no $KEY");
  return value;
}

// Evaluates operands between *, /, + and - from left to right; sqrt may stand before an operand. If
// one operand is off, the result is off.
Value Values::expression(std::string_view text, Place place, int depth) const {
  const auto words = words_of(text);
  if (words.size() == 1) return operand(words[0], place, depth);
  double result = 1;
  std::size_t i = 0;
  for (std::string_view op = "*"; i < words.size();) {
    const bool root = words[i] == "sqrt";
    if (root && ++i == words.size()) break;
    const auto value = operand(words[i++], place, depth);
    if (value.is_null()) return value;
    const auto by = root ? std::sqrt(number(value)) : number(value);
    result = op == "*"   ? result * by
             : op == "/" ? result / by
             : op == "+" ? result + by
                         : result - by;
    if (i == words.size()) return plain(result);
    op = words[i++];
    if (op != "*" && op != "/" && op != "+" && op != "-") break;
  }
  throw invalid(quoted(text) + " is no expression: write numbers and $KEYs between *, /, + and -");
}

std::int64_t whole(const Value& value, std::int64_t least) {
  constexpr double most = 1 << 30;
  const double given = value.is_number() ? value.get<double>() : 0.5;
  if (given != std::trunc(given) || given < static_cast<double>(least) || given > most)
    throw invalid(value.dump() + " is no whole number from " + std::to_string(least) +
                  " on: fix config.json");
  return static_cast<std::int64_t>(given);
}

}  // namespace generic
