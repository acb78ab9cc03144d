#include "text/jinja/expression_parser.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace strata::text::jinja {
namespace {

using TokenKind = Token::Kind;

std::vector<ExpressionPtr> parts_of(ExpressionPtr first, ExpressionPtr second = nullptr) {
  std::vector<ExpressionPtr> out;
  out.push_back(std::move(first));
  if (second) out.push_back(std::move(second));
  return out;
}

std::optional<Comparison> comparison_of(const Token& token) {
  static const std::map<std::string_view, Comparison> known{
      {"==", Comparison::equal},  {"!=", Comparison::unequal},
      {"<", Comparison::less},    {"<=", Comparison::less_equal},
      {">", Comparison::greater}, {">=", Comparison::greater_equal}};
  const auto found = known.find(token.text);
  if (token.kind != TokenKind::symbol || found == known.end()) return std::nullopt;
  return found->second;
}

}  // namespace

ExpressionPtr ExpressionParser::made(Expression node) const {
  for (const auto& part : node.parts)
    if (part) node.height = std::max(node.height, part->height + 1);
  if (node.height > Nesting::deepest) tokens_.fail("the expression is nested too deep");
  return std::make_unique<const Expression>(std::move(node));
}

ExpressionPtr ExpressionParser::binary(Operator operation, int line, ExpressionPtr left,
                                       ExpressionPtr right) const {
  return made({.kind = Kind::binary,
               .line = line,
               .parts = parts_of(std::move(left), std::move(right)),
               .operation = operation});
}

ExpressionPtr ExpressionParser::expression(bool conditions) {
  const Nesting nesting(depth_, tokens_);
  auto out = either();
  while (conditions && tokens_.at_word("if")) {
    const auto line = tokens_.take().line;
    auto parts = parts_of(either(), std::move(out));
    parts.push_back(tokens_.skip_word("else") ? expression() : nullptr);
    out = made({.kind = Kind::condition, .line = line, .parts = std::move(parts)});
  }
  return out;
}

ExpressionPtr ExpressionParser::either() {
  auto left = both();
  while (tokens_.at_word("or")) {
    const auto line = tokens_.take().line;
    left = binary(Operator::either, line, std::move(left), both());
  }
  return left;
}

ExpressionPtr ExpressionParser::both() {
  auto left = negation();
  while (tokens_.at_word("and")) {
    const auto line = tokens_.take().line;
    left = binary(Operator::both, line, std::move(left), negation());
  }
  return left;
}

ExpressionPtr ExpressionParser::negation() {
  if (!tokens_.at_word("not")) return comparison();
  const Nesting nesting(depth_, tokens_);
  const auto line = tokens_.take().line;
  return made({.kind = Kind::negation, .line = line, .parts = parts_of(negation())});
}

ExpressionPtr ExpressionParser::comparison() {
  const auto line = tokens_.line();
  auto parts = parts_of(sum());
  std::vector<Comparison> comparisons;
  while (true) {
    auto by = comparison_of(tokens_.now());
    if (tokens_.at_word("in")) by = Comparison::in;
    if (tokens_.at_word("not") && tokens_.after().is(TokenKind::name, "in")) {
      tokens_.take();
      by = Comparison::not_in;
    }
    if (!by) break;
    tokens_.take();
    comparisons.push_back(*by);
    parts.push_back(sum());
  }
  if (comparisons.empty()) return std::move(parts.front());
  return made({.kind = Kind::compare,
               .line = line,
               .parts = std::move(parts),
               .comparisons = std::move(comparisons)});
}

ExpressionPtr ExpressionParser::sum() {
  auto left = concat();
  while (tokens_.at_symbol("+") || tokens_.at_symbol("-")) {
    const auto token = tokens_.take();
    left = binary(token.text == "+" ? Operator::add : Operator::subtract, token.line,
                  std::move(left), concat());
  }
  return left;
}

ExpressionPtr ExpressionParser::concat() {
  const auto line = tokens_.line();
  auto parts = parts_of(product());
  while (tokens_.skip_symbol("~")) parts.push_back(product());
  if (parts.size() == 1) return std::move(parts.front());
  return made({.kind = Kind::concat, .line = line, .parts = std::move(parts)});
}

ExpressionPtr ExpressionParser::product() {
  static const std::map<std::string_view, Operator> known{{"*", Operator::multiply},
                                                          {"/", Operator::divide},
                                                          {"//", Operator::floor_divide},
                                                          {"%", Operator::modulo}};
  auto left = power();
  while (tokens_.at(TokenKind::symbol) && known.contains(tokens_.now().text)) {
    const auto token = tokens_.take();
    left = binary(known.at(token.text), token.line, std::move(left), power());
  }
  return left;
}

ExpressionPtr ExpressionParser::power() {
  auto left = unary();
  while (tokens_.at_symbol("**")) {
    const auto line = tokens_.take().line;
    left = binary(Operator::power, line, std::move(left), unary());
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool filtered) {
  const Nesting nesting(depth_, tokens_);
  ExpressionPtr node;
  if (tokens_.at_symbol("-") || tokens_.at_symbol("+")) {
    const auto token = tokens_.take();
    node = made({.kind = token.text == "-" ? Kind::negate : Kind::plus,
                 .line = token.line,
                 .parts = parts_of(unary(false))});
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return filtered ? postfix_filters(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  while (true) {
    if (tokens_.at_symbol(".") || tokens_.at_symbol("[")) {
      node = subscript(std::move(node));
    } else if (tokens_.at_symbol("(")) {
      Expression call{
          .kind = Kind::call, .line = tokens_.line(), .parts = parts_of(std::move(node))};
      arguments(call);
      node = made(std::move(call));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::postfix_filters(ExpressionPtr node) {
  while (true) {
    if (tokens_.skip_symbol("|")) {
      node = one_filter(std::move(node));
    } else if (tokens_.skip_word("is")) {
      node = test(std::move(node));
    } else if (tokens_.at_symbol("(")) {
      Expression call{
          .kind = Kind::call, .line = tokens_.line(), .parts = parts_of(std::move(node))};
      arguments(call);
      node = made(std::move(call));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr input) {
  auto out = one_filter(std::move(input));
  while (tokens_.skip_symbol("|")) out = one_filter(std::move(out));
  return out;
}

ExpressionPtr ExpressionParser::one_filter(ExpressionPtr input) {
  const auto token = tokens_.expect(TokenKind::name, "a filter's name");
  Expression filter{.kind = Kind::filter, .line = token.line, .text = token.text};
  filter.parts.push_back(std::move(input));
  if (tokens_.at_symbol("(")) arguments(filter);
  return made(std::move(filter));
}

ExpressionPtr ExpressionParser::test(ExpressionPtr node) {
  const bool negated = tokens_.skip_word("not");
  const auto token = tokens_.expect(TokenKind::name, "a test's name");
  Expression test{.kind = Kind::test,
                  .line = token.line,
                  .text = token.text,
                  .parts = parts_of(std::move(node))};
  const auto begins_argument = [&] {
    const auto& now = tokens_.now();
    if (now.kind == TokenKind::name) return !tokens_.at_word({"else", "or", "and"});
    return now.kind == TokenKind::text || now.kind == TokenKind::integer ||
           now.kind == TokenKind::number || tokens_.at_symbol("[") || tokens_.at_symbol("{");
  };
  if (tokens_.at_symbol("(")) {
    arguments(test);
  } else if (begins_argument()) {
    if (tokens_.at_word("is")) tokens_.fail("two tests in a row need parentheses");
    test.parts.push_back(postfix(primary()));
  }
  auto out = made(std::move(test));
  if (!negated) return out;
  return made({.kind = Kind::negation, .line = token.line, .parts = parts_of(std::move(out))});
}

// Reads the arguments behind the call's first part: "(a, b, c=d)".
void ExpressionParser::arguments(Expression& call) {
  tokens_.expect_symbol("(");
  for (bool first = true; !tokens_.skip_symbol(")"); first = false) {
    if (!first) tokens_.expect_symbol(",");
    if (!first && tokens_.skip_symbol(")")) return;
    if (tokens_.at_symbol("*") || tokens_.at_symbol("**"))
      tokens_.fail("arguments out of a list or a dict are not supported");
    if (tokens_.at(TokenKind::name) && tokens_.after().is(TokenKind::symbol, "=")) {
      const auto name = tokens_.take().text;
      if (std::ranges::find(call.names, name) != call.names.end())
        tokens_.fail("the argument '" + name + "' is given twice");
      call.names.push_back(name);
      tokens_.take();
    } else if (!call.names.empty()) {
      tokens_.fail("an argument without a name stands behind one with a name");
    }
    call.parts.push_back(expression());
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr node) {
  const auto token = tokens_.take();
  if (token.text == ".") {
    if (tokens_.at(TokenKind::integer))
      return made(
          {.kind = Kind::item, .line = token.line, .parts = parts_of(std::move(node), number())});
    auto text = tokens_.expect(TokenKind::name, "the name of an attribute").text;
    return made({.kind = Kind::attribute,
                 .line = token.line,
                 .text = std::move(text),
                 .parts = parts_of(std::move(node))});
  }
  std::vector<ExpressionPtr> parts = parts_of(std::move(node));
  const auto ends = [&] { return tokens_.at_symbol(":") || tokens_.at_symbol("]"); };
  parts.push_back(ends() ? nullptr : expression());
  if (!tokens_.at_symbol(":")) {
    if (!parts.back()) tokens_.fail("an index is expected here");
    if (tokens_.at_symbol(",")) tokens_.fail("an index of several parts is not supported");
    tokens_.expect_symbol("]");
    return made({.kind = Kind::item, .line = token.line, .parts = std::move(parts)});
  }
  for (int i = 0; i < 2; ++i)
    parts.push_back(tokens_.skip_symbol(":") && !ends() ? expression() : nullptr);
  tokens_.expect_symbol("]");
  return made({.kind = Kind::slice, .line = token.line, .parts = std::move(parts)});
}

}  // namespace strata::text::jinja
