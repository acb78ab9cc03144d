// A parsed template. It is immutable, so any number of threads may render it.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/compare.hpp"

namespace strata::text::jinja {

enum class Operator { add, subtract, multiply, divide, floor_divide, modulo, power, both, either };

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

// `parts` are the operands in the order of the source; the comment of a kind lists its other
// fields.
struct Expression {
  enum class Kind {
    constant,  // value
    name,      // text
    list,
    tuple,
    dict,       // a key, its value, the next key
    attribute,  // of the part; text
    item,       // of the part by the next part
    slice,      // of the part: from, to, step, each may be null
    call,       // the part; arguments
    filter,     // text; the part, null in a block of its own; arguments
    test,       // text; the part; arguments
    negate,
    plus,
    negation,
    binary,  // operation
    concat,
    compare,   // comparisons between the parts
    condition  // the test, the value if it holds, and the value if not, which may be null
  };

  Kind kind;
  int line;
  int height = 1;  // of the tree from here
  std::string text{};
  Value value{};
  std::vector<ExpressionPtr> parts{};
  std::vector<std::string> names{};  // of the last of the arguments
  std::vector<Comparison> comparisons{};
  Operator operation = Operator::add;
};

struct Statement;
using Statements = std::vector<Statement>;

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // may be null
};

struct Branch {
  ExpressionPtr condition;  // null: else
  Statements body;
};

struct Statement {
  enum class Kind {
    data,    // text
    output,  // expression
    branches,
    loop,        // target in expression, if condition: body, else otherwise
    set,         // target = expression
    set_block,   // target = body through the filter in expression, which may be null
    macro,       // text: its name; parameters, body
    call,        // expression with body as its caller
    filter,      // body through expression
    with,        // parameters with their values: body
    generation,  // body
    leave,       // a loop
    skip         // to its next round
  };

  Kind kind;
  int line;
  std::string text{};
  ExpressionPtr target{}, expression{}, condition{};
  std::vector<Branch> branches{};
  std::vector<Parameter> parameters{};
  // Whether a macro uses varargs, kwargs or caller, and so takes such extra arguments.
  bool takes_more = false, takes_named = false, takes_caller = false;
  Statements body{}, otherwise{};
};

}  // namespace strata::text::jinja
