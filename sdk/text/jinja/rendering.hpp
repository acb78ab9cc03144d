// One run of a template: its statements and expressions, in the scopes that they make.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/arguments.hpp"
#include "text/jinja/functions.hpp"
#include "text/jinja/scope.hpp"
#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

class Rendering {
 public:
  Rendering(Dict variables, const std::tm& now) : variables_(std::move(variables)) {
    surroundings_.now = now;
  }

  // Returns the text of the template; throws Refused, with the current line in `line`.
  std::string run(const Statements& statements);
  int line = 1;
  // As Marked::blocks.
  std::optional<std::vector<std::pair<std::size_t, std::size_t>>> generated{std::in_place};

 private:
  // The effect of a statement on the loop around it.
  enum class Flow { on, leave, skip };
  using ScopePtr = std::shared_ptr<Scope>;
  class Level;

  Flow execute(const Statements& statements);
  Flow execute(const Statement& statement);
  Flow branches(const Statement& statement);
  Flow loop(const Statement& statement);
  Values looped(const Statement& statement);
  void with(const Statement& statement);
  void assign(const Expression& target, const Value& value);
  // The text of statements in a scope of their own inside the present one.
  std::string text_of_block(const Statements& statements);
  void generation(const Statement& statement);

  Value evaluate(const Expression& expression);
  Value lookup(const Expression& expression);
  Value container(const Expression& expression);
  Value binary(const Expression& expression);
  Value compared(const Expression& expression);
  Value sliced(const Expression& expression);
  Value filtered(const Expression& expression, const Value* input);
  Arguments arguments(const Expression& expression);
  Value call(const Expression& expression, const Statement* caller = nullptr);
  Value call_macro(const Callable& macro, Arguments arguments);

  Dict variables_;
  Surroundings surroundings_;
  Budget budget_;
  ScopePtr scope_ = std::make_shared<Scope>();
  std::string out_;
  int unplaced_ = 0;  // texts around out_ that wait for their place
  int depth_ = 0;
};

// [Note: depth of a rendering] Macros call each other, so the height of the tree alone does not
// bound the recursion.
class Rendering::Level {
 public:
  static constexpr int deepest = 600;

  explicit Level(Rendering& rendering) : depth_(rendering.depth_) {
    if (depth_ >= deepest) throw Refused("macros and blocks are nested too deep");
    ++depth_;
  }
  ~Level() { --depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  Level(Level&&) = delete;
  Level& operator=(Level&&) = delete;

 private:
  int& depth_;
};

}  // namespace strata::text::jinja
