#include "core/json.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace strata {
namespace {

// Follows the parser and stops it at constructs that JSON allows and the file must not have.
class Guard {
 public:
  Guard(std::string_view who, const JsonRules& rules) : who_(who), rules_(rules) {}

  template <class Value>
  bool operator()(Json::parse_event_t event, const Value& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (keys_.size() == rules_.depth)
        throw Error(who_, "JSON nested deeper than " + std::to_string(rules_.depth) + " levels",
                    rules_.remedy);
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key && !rules_.last_counts) {
      const auto& key = value.template get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        throw Error(who_, "key '" + printable(key) + "' occurs twice in one JSON object",
                    rules_.remedy);
    }
    return true;
  }

 private:
  std::string_view who_;
  const JsonRules& rules_;
  std::vector<std::set<std::string>> keys_;
};

template <class Value>
Value parsed(std::string_view text, std::string_view who, const JsonRules& rules) {
  Guard guard(who, rules);
  try {
    return Value::parse(text, [&guard](int, Json::parse_event_t event, Value& value) {
      return guard(event, value);
    });
  } catch (const Json::parse_error& error) {
    throw NotJson(who, error.byte, rules.remedy);
  } catch (const Json::exception&) {
    throw Error(who, "not JSON: a number is out of range", rules.remedy);
  }
}

// The text with an object in place of each number that JSON does not have.
std::string with_tagged_numbers(std::string_view text) {
  constexpr std::string_view words[] = {"-Infinity", "Infinity", "NaN"};
  std::string out;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto* word = std::ranges::find_if(
        words, [&](std::string_view one) { return text.substr(at).starts_with(one); });
    if (!quoted && word != std::end(words)) {
      out.append("{\"__float__\":\"").append(*word).append("\"}");
      at += word->size() - 1;
      continue;
    }
    if (text[at] == '"') quoted = !quoted;
    out += text[at];
    if (quoted && text[at] == '\\' && at + 1 < text.size()) out += text[++at];
  }
  return out;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view who, const JsonRules& rules) {
  return parsed<Json>(text, who, rules);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view who,
                               const JsonRules& rules) {
  return parsed<OrderedJson>(text, who, rules);
}

Json parse_settings(std::string_view text, std::string_view who, std::size_t depth) {
  const JsonRules rules{.depth = depth, .last_counts = true, .remedy = "correct the file"};
  const auto has = [&](std::string_view word) { return text.find(word) != text.npos; };
  if (!has("Infinity") && !has("NaN")) return parsed<Json>(text, who, rules);
  return parsed<Json>(with_tagged_numbers(text), who, rules);
}

}  // namespace strata
