// Calls of methods, of functions, and of macros with the names that they use.
#include <optional>

#include "text/jinja/methods.hpp"
#include "text/jinja/rendering.hpp"

namespace strata::text::jinja {

// Evaluates the arguments of a call, a filter or a test: all parts but the first.
Arguments Rendering::arguments(const Expression& expression) {
  Arguments out;
  const auto plain = expression.parts.size() - expression.names.size();
  for (std::size_t i = 1; i < expression.parts.size(); ++i) {
    auto value = evaluate(*expression.parts[i]);
    if (i < plain)
      out.positional.push_back(std::move(value));
    else
      out.named.emplace_back(expression.names[i - plain], std::move(value));
  }
  return out;
}

Value Rendering::call(const Expression& expression, const Statement* caller) {
  const auto callee = evaluate(*expression.parts[0]);
  auto given = arguments(expression);
  line = expression.line;
  const auto* callable = callee.callable();
  if (const auto* undefined = callee.as<Undefined>())
    throw Refused(
        (undefined->name.empty() ? "what is called" : "'" + std::string(undefined->name) + "'") +
        " is undefined");
  if (!callable) throw Refused(std::string(callee.kind()) + " cannot be called");
  if (caller)
    given.named.emplace_back("caller",
                             Value(Callable{.name = "caller", .macro = caller, .scope = scope_}));
  if (callable->macro) return call_macro(*callable, std::move(given));
  if (!callable->self.undefined())
    return call_method(budget_, callable->self, callable->name, given);
  return call_function(budget_, surroundings_, callable->name, given);
}

Value Rendering::call_macro(const Callable& callable, Arguments given) {
  const Level level(*this);
  const auto& macro = *callable.macro;
  const auto who = "macro '" + macro.text + "'";
  auto defined_in = callable.scope.lock();
  if (!defined_in) throw Refused(who + " is called outside of where it was made");
  const auto inner = std::make_shared<Scope>(Scope{std::move(defined_in), {}});
  const auto outer = std::exchange(scope_, inner);
  auto before = std::exchange(out_, {});
  ++unplaced_;
  const auto take = [&](std::string_view name) -> std::optional<Value> {
    for (auto at = given.named.begin(); at != given.named.end(); ++at) {
      if (at->first != name) continue;
      auto value = std::move(at->second);
      given.named.erase(at);
      return value;
    }
    return std::nullopt;
  };
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const auto& [name, fallback] = macro.parameters[i];
    std::optional<Value> value;
    if (i < given.positional.size())
      value = given.positional[i];
    else
      value = take(name);
    if (!value) value = fallback ? evaluate(*fallback) : Value(Undefined{name});
    inner->names[name] = std::move(*value);
  }
  if (macro.takes_caller) inner->names["caller"] = take("caller").value_or(Undefined{"caller"});
  if (macro.takes_named) {
    Dict named;
    for (auto& [name, value] : given.named) named.set(Value(std::string(name)), std::move(value));
    inner->names["kwargs"] = Value(std::move(named));
  } else if (!given.named.empty()) {
    throw Refused(who + " does not take '" + std::string(given.named.front().first) + "' here");
  }
  if (macro.takes_more)
    inner->names["varargs"] = Value(tuple(given.rest(macro.parameters.size()).positional));
  else if (given.positional.size() > macro.parameters.size())
    throw Refused(who + " takes at most " + std::to_string(macro.parameters.size()) + " arguments");
  execute(macro.body);
  scope_ = outer;
  --unplaced_;
  return Value(std::exchange(out_, std::move(before)));
}

}  // namespace strata::text::jinja
