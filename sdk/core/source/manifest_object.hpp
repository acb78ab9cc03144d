// One object of a plugin's manifest, read by the types of its members.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::source {

// Reads the members of one object; throws Error naming the manifest and the member's place for a
// wrong value. It borrows `value` and the manifest's name.
class ManifestObject {
 public:
  // `where` is the manifest's key, with the path to an inner object behind it.
  ManifestObject(std::string_view who, std::string where, const Json& value)
      : who_(who), where_(std::move(where)), value_(value) {
    if (!value.is_object()) refuse("is not an object");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(who_, where_ + " " + what,
                "fix the manifest's \"" + where_.substr(0, where_.find('.')) + "\"");
  }
  void only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : value_.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse("has an unknown key '" + printable(key) + "'");
  }
  const Json* find(const char* key) const {
    const auto at = value_.find(key);
    return at == value_.end() ? nullptr : &*at;
  }
  ManifestObject object(const char* key) const {
    static const Json none = Json::object();
    const auto* value = find(key);
    return {who_, where_ + "." + key, value ? *value : none};
  }
  std::string text(const char* key) const {
    const auto* value = find(key);
    return value ? text_of(*value, key) : std::string();
  }
  std::string text_of(const Json& value, const std::string& key) const {
    if (!value.is_string()) refuse("has a '" + printable(key) + "' that is not text");
    return value.get<std::string>();
  }
  std::vector<std::string> texts(const char* key) const {
    const auto* list = find(key);
    return list ? texts_of(*list, key) : std::vector<std::string>();
  }
  std::vector<std::string> texts_of(const Json& list, const std::string& key) const {
    std::vector<std::string> out;
    if (!list.is_array()) refuse("has '" + printable(key) + "' that are not a list");
    for (const auto& value : list) out.push_back(text_of(value, key));
    return out;
  }
  // A list; empty where there is none.
  const Json& list(const char* key) const {
    static const Json none = Json::array();
    const auto* value = find(key);
    if (value && !value->is_array()) refuse("has '" + std::string(key) + "' that are not a list");
    return value ? *value : none;
  }
  bool flag(const char* key) const {
    const auto* value = find(key);
    if (value && !value->is_boolean()) refuse("has '" + std::string(key) + "' that is not a flag");
    return value && value->get<bool>();
  }
  double number(const char* key, double fallback) const {
    const auto* value = find(key);
    if (!value) return fallback;
    if (!value->is_number()) refuse("has a '" + std::string(key) + "' that is no number");
    return value->get<double>();
  }
  const Json& value() const { return value_; }
  ManifestObject child(const std::string& key, const Json& value) const {
    return {who_, where_ + "." + printable(key), value};
  }

 private:
  std::string_view who_;
  std::string where_;
  const Json& value_;
};

}  // namespace strata::source
