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
  Guard(std::string_view who, std::size_t depth, bool once, std::string_view remedy)
      : who_(who), depth_(depth), once_(once), remedy_(remedy) {}

  bool operator()(Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (keys_.size() == depth_)
        throw Error(who_, "JSON nested deeper than " + std::to_string(depth_) + " levels", remedy_);
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key && once_) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        throw Error(who_, "key '" + printable(key) + "' occurs twice in one JSON object", remedy_);
    }
    return true;
  }

 private:
  std::string_view who_;
  std::size_t depth_;
  bool once_;  // a key of one object
  std::string_view remedy_;
  std::vector<std::set<std::string>> keys_;
};

Json parsed(std::string_view text, std::string_view who, std::size_t depth, bool once,
            std::string_view remedy) {
  Guard guard(who, depth, once, remedy);
  try {
    return Json::parse(text, [&guard](int, Json::parse_event_t event, Json& value) {
      return guard(event, value);
    });
  } catch (const Json::parse_error& error) {
    throw NotJson(who, error.byte, remedy);
  } catch (const Json::exception&) {
    throw Error(who, "not JSON: a number is out of range", remedy);
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

Json parse_json(std::string_view text, std::string_view who, std::size_t depth,
                std::string_view remedy) {
  return parsed(text, who, depth, true, remedy);
}

Json parse_settings(std::string_view text, std::string_view who, std::size_t depth) {
  constexpr std::string_view remedy = "correct the file";
  const auto has = [&](std::string_view word) { return text.find(word) != text.npos; };
  if (!has("Infinity") && !has("NaN")) return parsed(text, who, depth, false, remedy);
  return parsed(with_tagged_numbers(text), who, depth, false, remedy);
}

}  // namespace strata
