// Scopes, in which names are looked up, and callables of a template.
#pragma once
#include <memory>
#include <string_view>
#include <unordered_map>

#include "text/jinja/value.hpp"

namespace strata::text::jinja {

struct Statement;

struct Scope {
  std::shared_ptr<Scope> outer;
  std::unordered_map<std::string_view, Value> names;  // spelled by the template
};

// A method of a value, a function of the language, or a macro with the scope of its definition. A
// macro does not keep its scope alive, since that would be a cycle.
struct Callable {
  std::string_view name;
  Value self{};                      // of a method
  const Statement* macro = nullptr;  // of a macro, or a call's body
  std::weak_ptr<Scope> scope{};
};

struct Loop {
  Values items;
  std::size_t at = 0;
};

}  // namespace strata::text::jinja
