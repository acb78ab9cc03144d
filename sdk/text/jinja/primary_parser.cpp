// The operands of expressions: names, texts, numbers, lists; and targets of assignments.
#include <charconv>

#include "text/jinja/expression_parser.hpp"

namespace strata::text::jinja {
namespace {

using TokenKind = Token::Kind;

}  // namespace

ExpressionPtr ExpressionParser::primary() {
  const auto line = tokens_.line();
  if (tokens_.at(TokenKind::name)) return name();
  if (tokens_.at(TokenKind::integer) || tokens_.at(TokenKind::number)) return number();
  if (tokens_.at(TokenKind::text)) {
    std::string text;
    while (tokens_.at(TokenKind::text)) text += tokens_.take().text;
    return made({.kind = Kind::constant, .line = line, .value = Value(std::move(text))});
  }
  if (tokens_.at_symbol("[")) return list();
  if (tokens_.at_symbol("{")) return dict();
  if (!tokens_.skip_symbol("(")) tokens_.fail("an expression is expected here");
  auto out = tuple_of(&ExpressionParser::with_conditions, {}, true);
  tokens_.expect_symbol(")");
  return out;
}

ExpressionPtr ExpressionParser::name() {
  const auto token = tokens_.take();
  const auto constant = [&](Value value) {
    return made({.kind = Kind::constant, .line = token.line, .value = std::move(value)});
  };
  if (token.text == "true" || token.text == "True") return constant(Value(true));
  if (token.text == "false" || token.text == "False") return constant(Value(false));
  if (token.text == "none" || token.text == "None") return constant(Value(nullptr));
  more = more || token.text == "varargs";
  named = named || token.text == "kwargs";
  caller = caller || token.text == "caller";
  return made({.kind = Kind::name, .line = token.line, .text = token.text});
}

ExpressionPtr ExpressionParser::number() {
  const auto token = tokens_.take();
  const auto* end = token.text.data() + token.text.size();
  std::int64_t whole = 0;
  double real = 0;
  const auto error = token.kind == TokenKind::integer
                         ? std::from_chars(token.text.data(), end, whole).ec
                         : std::from_chars(token.text.data(), end, real).ec;
  if (error != std::errc()) tokens_.fail("the number '" + token.text + "' is too large");
  return made({.kind = Kind::constant,
               .line = token.line,
               .value = token.kind == TokenKind::integer ? Value(whole) : Value(real)});
}

ExpressionPtr ExpressionParser::list() {
  Expression out{.kind = Kind::list, .line = tokens_.take().line};
  while (!tokens_.at_symbol("]")) {
    if (!out.parts.empty()) tokens_.expect_symbol(",");
    if (tokens_.at_symbol("]")) break;
    out.parts.push_back(expression());
  }
  tokens_.expect_symbol("]");
  return made(std::move(out));
}

ExpressionPtr ExpressionParser::dict() {
  Expression out{.kind = Kind::dict, .line = tokens_.take().line};
  while (!tokens_.at_symbol("}")) {
    if (!out.parts.empty()) tokens_.expect_symbol(",");
    if (tokens_.at_symbol("}")) break;
    out.parts.push_back(expression());
    tokens_.expect_symbol(":");
    out.parts.push_back(expression());
  }
  tokens_.expect_symbol("}");
  return made(std::move(out));
}

ExpressionPtr ExpressionParser::tuple(bool conditions, std::string_view end_word) {
  return tuple_of(
      conditions ? &ExpressionParser::with_conditions : &ExpressionParser::without_conditions,
      end_word, false);
}

ExpressionPtr ExpressionParser::tuple_of(ExpressionPtr (ExpressionParser::*part)(),
                                         std::string_view end_word, bool parentheses) {
  Expression out{.kind = Kind::tuple, .line = tokens_.line()};
  const auto ends = [&] {
    return tokens_.at(TokenKind::output_end) || tokens_.at(TokenKind::block_end) ||
           tokens_.at_symbol(")") || (!end_word.empty() && tokens_.at_word(end_word));
  };
  bool several = false;
  while (!ends()) {
    out.parts.push_back((this->*part)());
    if (!tokens_.skip_symbol(",")) break;
    several = true;
  }
  if (several || (out.parts.empty() && parentheses)) return made(std::move(out));
  if (out.parts.empty()) tokens_.fail("an expression is expected here");
  return std::move(out.parts.front());
}

ExpressionPtr ExpressionParser::target(bool attributes, std::string_view end_word) {
  if (attributes && tokens_.at(TokenKind::name) && tokens_.after().is(TokenKind::symbol, ".")) {
    const auto space = tokens_.take();
    tokens_.take();
    Expression out{.kind = Kind::attribute,
                   .line = space.line,
                   .text = tokens_.expect(TokenKind::name, "the name of an attribute").text};
    out.parts.push_back(made({.kind = Kind::name, .line = space.line, .text = space.text}));
    return made(std::move(out));
  }
  auto out = tuple_of(&ExpressionParser::primary, end_word, false);
  const auto is_name = [](const Expression& one) { return one.kind == Kind::name; };
  bool assignable = is_name(*out);
  if (out->kind == Kind::tuple) {
    assignable = !out->parts.empty();
    for (const auto& part : out->parts) assignable = assignable && is_name(*part);
  }
  if (!assignable) tokens_.fail("this cannot be assigned to");
  return out;
}

}  // namespace strata::text::jinja
