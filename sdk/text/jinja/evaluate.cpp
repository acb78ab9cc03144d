// The evaluation of expressions.
#include "text/jinja/arithmetic.hpp"
#include "text/jinja/filters.hpp"
#include "text/jinja/lookup.hpp"
#include "text/jinja/methods.hpp"
#include "text/jinja/python_text.hpp"
#include "text/jinja/rendering.hpp"

namespace strata::text::jinja {

Value Rendering::evaluate(const Expression& expression) {
  using Kind = Expression::Kind;
  const Level level(*this);
  budget_.spend(Budget::step);
  line = expression.line;
  const auto& parts = expression.parts;
  switch (expression.kind) {
    case Kind::constant:
      return expression.value;
    case Kind::name:
      return lookup(expression);
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
      return container(expression);
    case Kind::attribute:
      return attribute(budget_, evaluate(*parts[0]), expression.text);
    case Kind::item: {
      const auto object = evaluate(*parts[0]);
      return item(budget_, object, evaluate(*parts[1]));
    }
    case Kind::slice:
      return sliced(expression);
    case Kind::call:
      return call(expression);
    case Kind::filter:
      return filtered(expression, nullptr);
    case Kind::test: {
      const auto tested = evaluate(*parts[0]);
      return Value(apply_test(budget_, expression.text, tested, arguments(expression)));
    }
    case Kind::negate:
      return negated(evaluate(*parts[0]));
    case Kind::plus: {
      const auto number = evaluate(*parts[0]);
      if (!number.number()) throw Refused("'+' before " + std::string(number.kind()));
      return number.as<bool>() ? Value(number.integer()) : number;
    }
    case Kind::negation:
      return Value(!truth(evaluate(*parts[0])));
    case Kind::binary:
      return binary(expression);
    case Kind::concat: {
      std::string out;
      for (const auto& part : parts) append_str(budget_, out, evaluate(*part));
      return Value(std::move(out));
    }
    case Kind::compare:
      return compared(expression);
    case Kind::condition:
      if (truth(evaluate(*parts[0]))) return evaluate(*parts[1]);
      return parts[2] ? evaluate(*parts[2]) : Value(Undefined{"else"});
  }
  return {};
}

Value Rendering::lookup(const Expression& expression) {
  const std::string_view name = expression.text;
  for (const auto* scope = scope_.get(); scope; scope = scope->outer.get()) {
    budget_.spend(1);
    if (const auto found = scope->names.find(name); found != scope->names.end())
      return found->second;
  }
  if (const auto* found = variables_.find(name)) return *found;
  return find_function(name);
}

Value Rendering::container(const Expression& expression) {
  using Kind = Expression::Kind;
  budget_.spend(Budget::element * expression.parts.size());
  Values items;
  for (const auto& part : expression.parts) items.push_back(evaluate(*part));
  if (expression.kind == Kind::list) return list(std::move(items));
  if (expression.kind == Kind::tuple) return tuple(std::move(items));
  Dict out;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    budget_.spend(Budget::step * out.entries.size());
    out.set(items[i], items[i + 1]);
  }
  return Value(std::move(out));
}

Value Rendering::binary(const Expression& expression) {
  const auto left = evaluate(*expression.parts[0]);
  if (expression.operation == Operator::both)
    return truth(left) ? evaluate(*expression.parts[1]) : left;
  if (expression.operation == Operator::either)
    return truth(left) ? left : evaluate(*expression.parts[1]);
  return arithmetic(budget_, expression.operation, left, evaluate(*expression.parts[1]));
}

Value Rendering::compared(const Expression& expression) {
  auto left = evaluate(*expression.parts[0]);
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    auto right = evaluate(*expression.parts[i + 1]);
    if (!compare(budget_, expression.comparisons[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Rendering::sliced(const Expression& expression) {
  const auto object = evaluate(*expression.parts[0]);
  Values bounds;
  for (std::size_t i = 1; i < 4; ++i)
    bounds.push_back(expression.parts[i] ? evaluate(*expression.parts[i]) : Value(nullptr));
  return slice(budget_, object, bounds.data(), &bounds[1], &bounds[2]);
}

// Applies a filter; `input` replaces the part that a block's filter does not have.
Value Rendering::filtered(const Expression& expression, const Value* input) {
  const Level level(*this);
  const auto& part = expression.parts[0];
  const bool of_block = input && part && part->kind == Expression::Kind::filter;
  const auto value = of_block ? filtered(*part, input) : part ? evaluate(*part) : *input;
  line = expression.line;
  return apply_filter(budget_, expression.text, value, arguments(expression));
}

}  // namespace strata::text::jinja
