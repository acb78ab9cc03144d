#include "text/jinja/rendering.hpp"

#include <utility>

#include "text/jinja/compare.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {

std::string Rendering::run(const Statements& statements) {
  execute(statements);
  return std::move(out_);
}

Rendering::Flow Rendering::execute(const Statements& statements) {
  const Level level(*this);
  for (const auto& statement : statements)
    if (const auto flow = execute(statement); flow != Flow::on) return flow;
  return Flow::on;
}

Rendering::Flow Rendering::execute(const Statement& statement) {
  using Kind = Statement::Kind;
  budget_.spend(Budget::step);
  line = statement.line;
  switch (statement.kind) {
    case Kind::data:
      budget_.append(out_, statement.text);
      break;
    case Kind::output:
      append_str(budget_, out_, evaluate(*statement.expression));
      break;
    case Kind::branches:
      return branches(statement);
    case Kind::loop:
      return loop(statement);
    case Kind::set:
      assign(*statement.target, evaluate(*statement.expression));
      break;
    case Kind::set_block: {
      Value text(text_of_block(statement.body));
      if (statement.expression) text = filtered(*statement.expression, &text);
      assign(*statement.target, text);
      break;
    }
    case Kind::macro:
      scope_->names[statement.text] =
          Value(Callable{.name = statement.text, .macro = &statement, .scope = scope_});
      break;
    case Kind::call:
      append_str(budget_, out_, call(*statement.expression, &statement));
      break;
    case Kind::filter: {
      const Value text(text_of_block(statement.body));
      append_str(budget_, out_, filtered(*statement.expression, &text));
      break;
    }
    case Kind::with:
      with(statement);
      break;
    case Kind::generation:
      generation(statement);
      break;
    case Kind::leave:
      return Flow::leave;
    case Kind::skip:
      return Flow::skip;
  }
  return Flow::on;
}

Rendering::Flow Rendering::branches(const Statement& statement) {
  for (const auto& branch : statement.branches)
    if (!branch.condition || truth(evaluate(*branch.condition))) return execute(branch.body);
  return Flow::on;
}

// The elements of a loop that fulfill its condition.
Values Rendering::looped(const Statement& statement) {
  auto items = elements(budget_, evaluate(*statement.expression));
  if (!statement.condition) return items;
  const auto outer = scope_;
  Values out;
  for (auto& item : items) {
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    assign(*statement.target, item);
    if (truth(evaluate(*statement.condition))) out.push_back(std::move(item));
  }
  scope_ = outer;
  return out;
}

// [Note: else of a loop] As in jinja2, it runs where no iteration reached its end: also after
// iterations that were all left by break or continue.
Rendering::Flow Rendering::loop(const Statement& statement) {
  const auto loop = std::make_shared<Loop>(Loop{.items = looped(statement)});
  const Value loop_value(loop);
  const auto outer = scope_;
  bool ended = false;
  for (; loop->at < loop->items.size(); ++loop->at) {
    budget_.spend(Budget::step);
    scope_ = std::make_shared<Scope>(Scope{outer, {}});
    scope_->names["loop"] = loop_value;
    assign(*statement.target, loop->items[loop->at]);
    const auto flow = execute(statement.body);
    ended = ended || flow == Flow::on;
    if (flow == Flow::leave) break;
  }
  scope_ = std::make_shared<Scope>(Scope{outer, {}});
  const auto flow = ended ? Flow::on : execute(statement.otherwise);
  scope_ = outer;
  return flow;
}

void Rendering::with(const Statement& statement) {
  const auto outer = scope_;
  const auto inner = std::make_shared<Scope>(Scope{outer, {}});
  for (const auto& parameter : statement.parameters)
    inner->names[parameter.name] = evaluate(*parameter.fallback);
  scope_ = inner;
  execute(statement.body);
  scope_ = outer;
}

void Rendering::assign(const Expression& target, const Value& value) {
  using Kind = Expression::Kind;
  if (target.kind == Kind::name) {
    scope_->names[target.text] = value;
  } else if (target.kind == Kind::attribute) {
    const auto held = evaluate(*target.parts[0]);
    auto* space = held.space();
    if (!space) throw Refused("an attribute is set of what is no namespace");
    budget_.spend(Budget::element);
    space->members[target.text] = value;
  } else {
    const auto items = elements(budget_, value);
    if (items.size() != target.parts.size())
      throw Refused(std::to_string(items.size()) + " values for " +
                    std::to_string(target.parts.size()) + " names");
    for (std::size_t i = 0; i < items.size(); ++i) assign(*target.parts[i], items[i]);
  }
}

void Rendering::generation(const Statement& statement) {
  const auto begin = out_.size();
  budget_.append(out_, text_of_block(statement.body));
  if (unplaced_ > 0)
    generated.reset();
  else if (generated)
    generated->emplace_back(begin, out_.size());
}

std::string Rendering::text_of_block(const Statements& statements) {
  const auto outer = scope_;
  auto before = std::exchange(out_, {});
  ++unplaced_;
  scope_ = std::make_shared<Scope>(Scope{outer, {}});
  execute(statements);
  scope_ = outer;
  --unplaced_;
  return std::exchange(out_, std::move(before));
}

}  // namespace strata::text::jinja
