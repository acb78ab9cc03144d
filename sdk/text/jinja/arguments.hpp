// The arguments of a call of a filter, a test, a method or a function.
#pragma once
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.hpp"

namespace strata::text::jinja {

struct Arguments {
  Values positional{};
  std::vector<std::pair<std::string_view, Value>> named{};

  // Returns the argument for each parameter of `who`, null where none is given. Throws Refused for
  // extra ones.
  std::vector<const Value*> bind(std::string_view who,
                                 std::initializer_list<std::string_view> parameters) const;
  // The arguments without the first `count`.
  Arguments rest(std::size_t count) const;
};

// The argument as a type; the fallback where it is not given. Throws Refused for another type.
bool flag_of(const Value* value, bool fallback);
std::int64_t integer_of(const Value* value, std::int64_t fallback);
const std::string& text_of(const Value* value, std::string_view who);

}  // namespace strata::text::jinja
