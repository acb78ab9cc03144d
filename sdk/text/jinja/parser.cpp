#include "text/jinja/parser.hpp"

#include <optional>

#include "text/jinja/expression_parser.hpp"

namespace strata::text::jinja {
namespace {

using TokenKind = Token::Kind;
using Kind = Statement::Kind;
using Words = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens)
      : tokens_(std::move(tokens)), expressions_(tokens_, depth_) {}

  Statements run() { return statements({}); }

 private:
  // Reads statements up to the tag of one of these words, whose begin and word it leaves, or to the
  // end.
  Statements statements(Words ends) {
    const Nesting nesting(depth_, tokens_);
    Statements out;
    while (!tokens_.at(TokenKind::end)) {
      const auto token = tokens_.take();
      if (token.kind == TokenKind::data) {
        out.push_back({.kind = Kind::data, .line = token.line, .text = token.text});
      } else if (token.kind == TokenKind::output_begin) {
        out.push_back({.kind = Kind::output, .line = token.line});
        out.back().expression = expressions_.tuple();
        tokens_.expect(TokenKind::output_end, "'}}'");
      } else {
        if (tokens_.at_word(ends)) return out;
        out.push_back(statement());
        tokens_.expect(TokenKind::block_end, "'%}'");
      }
    }
    if (ends.size() > 0)
      tokens_.fail("the template ends without '" + std::string(*ends.begin()) + "'");
    return out;
  }

  // Reads the body of a block, up to the tag that ends it.
  Statements body(Words ends) {
    tokens_.skip_symbol(":");
    tokens_.expect(TokenKind::block_end, "'%}'");
    return statements(ends);
  }
  Statements body_to(std::string_view end) {
    auto out = body({end});
    tokens_.take();
    return out;
  }

  // Reads the body of a function: it cannot leave a loop around it.
  Statements body_apart(std::string_view end) {
    const auto outer = std::exchange(in_loop_, false);
    auto out = body_to(end);
    in_loop_ = outer;
    return out;
  }

  Statement statement() {
    const auto token = tokens_.expect(TokenKind::name, "the name of a statement");
    const auto& word = token.text;
    Statement out{.kind = Kind::data, .line = token.line};
    if (word == "if") return branches(std::move(out));
    if (word == "for") return loop(std::move(out));
    if (word == "set") return set(std::move(out));
    if (word == "macro") return macro(std::move(out));
    if (word == "call") return call(std::move(out));
    if (word == "with") return with(std::move(out));
    if (word == "filter") {
      out.kind = Kind::filter;
      out.expression = expressions_.filters(nullptr);
      out.body = body_apart("endfilter");
      return out;
    }
    if (word == "generation") {
      out.kind = Kind::generation;
      out.body = body_apart("endgeneration");
      return out;
    }
    if (word == "break" || word == "continue") {
      if (!in_loop_) throw SyntaxError{token.line, "'" + word + "' stands in no loop"};
      out.kind = word == "break" ? Kind::leave : Kind::skip;
      return out;
    }
    throw SyntaxError{token.line, "the statement '" + word + "' is not supported"};
  }

  Statement branches(Statement out) {
    out.kind = Kind::branches;
    while (true) {
      auto condition = expressions_.tuple(false);
      auto held = body({"elif", "else", "endif"});
      out.branches.push_back({std::move(condition), std::move(held)});
      const auto word = tokens_.take().text;
      if (word == "elif") continue;
      if (word == "else") out.branches.push_back({nullptr, body_to("endif")});
      return out;
    }
  }

  Statement loop(Statement out) {
    out.kind = Kind::loop;
    out.target = expressions_.target(false, "in");
    tokens_.expect_word("in");
    out.expression = expressions_.tuple(false, "recursive");
    if (tokens_.skip_word("if")) out.condition = expressions_.expression();
    if (tokens_.at_word("recursive")) tokens_.fail("a recursive loop is not supported");
    const auto outer = std::exchange(in_loop_, true);
    out.body = body({"endfor", "else"});
    in_loop_ = outer;
    if (tokens_.take().text == "else") out.otherwise = body_to("endfor");
    return out;
  }

  Statement set(Statement out) {
    out.target = expressions_.target(true);
    if (tokens_.skip_symbol("=")) {
      out.kind = Kind::set;
      out.expression = expressions_.tuple();
      return out;
    }
    out.kind = Kind::set_block;
    if (tokens_.skip_symbol("|")) out.expression = expressions_.filters(nullptr);
    out.body = body_apart("endset");
    return out;
  }

  void signature(Statement& out) {
    tokens_.expect_symbol("(");
    while (!tokens_.skip_symbol(")")) {
      if (!out.parameters.empty()) tokens_.expect_symbol(",");
      auto name = tokens_.expect(TokenKind::name, "the name of a parameter").text;
      if (tokens_.skip_symbol("="))
        out.parameters.push_back({std::move(name), expressions_.expression()});
      else if (!out.parameters.empty() && out.parameters.back().fallback)
        tokens_.fail("a parameter without a default stands behind one with a default");
      else
        out.parameters.push_back({std::move(name), nullptr});
    }
  }

  // Reads the body of a macro or of a call, with the special names that it uses.
  void macro_body(Statement& out, std::string_view end) {
    const bool more = std::exchange(expressions_.more, false),
               named = std::exchange(expressions_.named, false),
               caller = std::exchange(expressions_.caller, false);
    out.body = body_apart(end);
    out.takes_more = expressions_.more, out.takes_named = expressions_.named;
    out.takes_caller = expressions_.caller;
    expressions_.more |= more, expressions_.named |= named, expressions_.caller |= caller;
  }

  Statement macro(Statement out) {
    out.kind = Kind::macro;
    out.text = tokens_.expect(TokenKind::name, "the name of a macro").text;
    signature(out);
    macro_body(out, "endmacro");
    return out;
  }

  Statement call(Statement out) {
    out.kind = Kind::call;
    out.text = "caller";
    if (tokens_.at_symbol("(")) signature(out);
    out.expression = expressions_.unary();
    if (out.expression->kind != Expression::Kind::call) tokens_.fail("a call is expected here");
    macro_body(out, "endcall");
    return out;
  }

  Statement with(Statement out) {
    out.kind = Kind::with;
    while (!tokens_.at(TokenKind::block_end)) {
      if (!out.parameters.empty()) tokens_.expect_symbol(",");
      auto name = tokens_.expect(TokenKind::name, "a name").text;
      tokens_.expect_symbol("=");
      out.parameters.push_back({std::move(name), expressions_.expression()});
    }
    out.body = body_to("endwith");
    return out;
  }

  TokenStream tokens_;
  int depth_ = 0;
  ExpressionParser expressions_;
  bool in_loop_ = false;
};

}  // namespace

Statements parse(std::string_view source) { return Parser(lex(source)).run(); }

}  // namespace strata::text::jinja
