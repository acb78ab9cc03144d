// The parser of a template's expressions, in jinja2's order of precedence.
#pragma once
#include <string_view>
#include <vector>

#include "text/jinja/token_stream.hpp"
#include "text/jinja/tree.hpp"

namespace strata::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens, int& depth) : tokens_(tokens), depth_(depth) {}

  // `conditions`: whether to read "a if b" here; the headers of loops and ifs do not.
  ExpressionPtr expression(bool conditions = true);
  // Reads one expression or, between commas, a tuple of them, up to the tag's end or the word.
  ExpressionPtr tuple(bool conditions = true, std::string_view end_word = {});
  // Reads the target of an assignment: a name, a tuple of names, or an attribute of a namespace.
  ExpressionPtr target(bool attributes, std::string_view end_word = {});
  // Reads "name(...) | name" of a filter block, or behind the bar of a set block.
  ExpressionPtr filters(ExpressionPtr input);
  ExpressionPtr unary(bool filtered = true);

  // The special names of macros that have occurred.
  bool more = false, named = false, caller = false;

 private:
  using Kind = Expression::Kind;

  ExpressionPtr made(Expression node) const;
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concat();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr primary();
  ExpressionPtr name();
  ExpressionPtr number();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr postfix_filters(ExpressionPtr node);
  ExpressionPtr subscript(ExpressionPtr node);
  ExpressionPtr test(ExpressionPtr node);
  ExpressionPtr one_filter(ExpressionPtr input);
  void arguments(Expression& call);
  ExpressionPtr tuple_of(ExpressionPtr (ExpressionParser::*part)(), std::string_view end_word,
                         bool parentheses);
  ExpressionPtr without_conditions() { return expression(false); }
  ExpressionPtr with_conditions() { return expression(true); }
  ExpressionPtr binary(Operator operation, int line, ExpressionPtr left, ExpressionPtr right) const;

  TokenStream& tokens_;
  int& depth_;
};

}  // namespace strata::text::jinja
