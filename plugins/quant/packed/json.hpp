// A small reader of JSON, for configurations whose keys are not known and for state in tensors.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace packed {

struct Json {
  enum class Kind { null, boolean, number, text, list, object };

  // Reads one value and nothing behind it; throws strata::Failure, in which `what` names the text.
  static Json parse(std::string_view text, const std::string& what);

  // The object's member, or null: no object, no such member, or a member that is null.
  const Json* find(std::string_view key) const;

  bool is(Kind one) const { return kind == one; }
  bool is_integer() const;  // a number below 2^53 in size
  long long integer() const { return static_cast<long long>(number); }

  Kind kind = Kind::null;
  bool flag = false;
  double number = 0;
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;
};

}  // namespace packed
