// The tokens of a template, read one after the other.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/lexer.hpp"

namespace strata::text::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& after() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  int line() const { return now().line; }

  bool at(Token::Kind kind) const { return now().kind == kind; }
  bool at_symbol(std::string_view symbol) const { return now().is(Token::Kind::symbol, symbol); }
  bool at_word(std::string_view word) const { return now().is(Token::Kind::name, word); }
  bool at_word(std::initializer_list<std::string_view> words) const {
    return std::any_of(words.begin(), words.end(), [this](auto word) { return at_word(word); });
  }

  Token take() { return at(Token::Kind::end) ? now() : tokens_[at_++]; }
  bool skip_symbol(std::string_view symbol) { return at_symbol(symbol) && (take(), true); }
  bool skip_word(std::string_view word) { return at_word(word) && (take(), true); }
  void expect_symbol(std::string_view symbol) {
    if (!skip_symbol(symbol)) fail("'" + std::string(symbol) + "' is expected here");
  }
  void expect_word(std::string_view word) {
    if (!skip_word(word)) fail("'" + std::string(word) + "' is expected here");
  }
  Token expect(Token::Kind kind, const char* called) {
    if (!at(kind)) fail(std::string(called) + " is expected here");
    return take();
  }

  [[noreturn]] void fail(const std::string& what) const {
    const auto& token = now();
    const bool spelled = token.kind != Token::Kind::data && !token.text.empty();
    throw SyntaxError{token.line, what + (spelled ? ", not '" + token.text + "'" : "")};
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

// [Note: nesting] Rendering walks trees by recursion, so parsing bounds their height and the depth
// of its own recursion.
class Nesting {
 public:
  static constexpr int deepest = 150;

  Nesting(int& depth, const TokenStream& tokens) : depth_(depth) {
    if (++depth_ > deepest) tokens.fail("the template is nested too deep");
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  Nesting(Nesting&&) = delete;
  Nesting& operator=(Nesting&&) = delete;

 private:
  int& depth_;
};

}  // namespace strata::text::jinja
