#include "core/source/json.hpp"

#include <set>
#include <string>
#include <vector>

namespace strata::source {
namespace {

// Follows the parser and stops it at what JSON allows and a checkpoint must not have.
class Guard {
 public:
  Guard(std::string_view who, std::size_t depth) : who_(who), depth_(depth) {}

  bool operator()(Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (keys_.size() == depth_)
        throw Error(who_, "JSON nested deeper than " + std::to_string(depth_) + " levels",
                    "the file is damaged; fetch it again");
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        throw Error(who_, "key '" + printable(key) + "' occurs twice in one JSON object",
                    "the file is damaged; fetch it again");
    }
    return true;
  }

 private:
  std::string_view who_;
  std::size_t depth_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view who, std::size_t depth) {
  Guard guard(who, depth);
  try {
    return Json::parse(text, [&guard](int, Json::parse_event_t event, Json& value) {
      return guard(event, value);
    });
  } catch (const Json::parse_error& error) {
    throw NotJson(who, error.byte);
  } catch (const Json::exception&) {
    throw Error(who, "not JSON: a number is out of range", "the file is damaged; fetch it again");
  }
}

}  // namespace strata::source
