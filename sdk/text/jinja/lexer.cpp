#include "text/jinja/lexer.hpp"

#include <algorithm>
#include <array>

#include "text/jinja/literal.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

using Kind = Token::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The source with \n as the only line end, and without the last one.
std::string normalized(std::string_view source) {
  std::string out;
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] != '\r')
      out += source[at];
    else if (at + 1 == source.size() || source[at + 1] != '\n')
      out += '\n';
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const auto begin = next_tag();
      if (begin == source_.npos) {
        add(Kind::data, source_.substr(at_));
        move(source_.size());
        break;
      }
      const char kind = source_[begin + 1];
      const char sign = begin + 2 < source_.size() ? source_[begin + 2] : ' ';
      const bool signed_tag = sign == '-' || sign == '+';
      data(begin, signed_tag ? sign : ' ', kind == '{');
      const auto inside = begin + (signed_tag ? 3 : 2);
      if (kind == '#')
        comment(inside);
      else if (kind == '{')
        tag(inside, Kind::output_begin);
      else if (const auto raw_begin = raw_tag(inside, "raw"); raw_begin != source_.npos)
        raw(raw_begin);
      else
        tag(inside, Kind::block_begin);
    }
    add(Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw SyntaxError{line_, what}; }

  std::string_view rest() const { return std::string_view(source_).substr(at_); }

  void move(std::size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  void add(Kind kind, std::string text) {
    if (kind != Kind::data || !text.empty()) tokens_.push_back({kind, std::move(text), line_});
  }

  std::size_t next_tag() const {
    for (auto at = source_.find('{', at_); at != source_.npos; at = source_.find('{', at + 1))
      if (at + 1 < source_.size() && std::string_view("{%#").find(source_[at + 1]) != source_.npos)
        return at;
    return source_.npos;
  }

  // Reads the text up to `end`, where a tag with this sign begins.
  void data(std::size_t end, char sign, bool output) {
    auto text = rest().substr(0, end - at_);
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && !output) {
      const auto last = text.rfind('\n') + 1;  // 0 where there is none
      if ((last > 0 || line_starts_) && strip_right(text.substr(last)).empty())
        text = text.substr(0, last);
    }
    add(Kind::data, std::string(text));
    move(end);
  }

  // Moves to `past`, behind a tag's end with this sign before it, and past the white space that
  // belongs to the tag.
  void close(std::size_t past, char sign, bool trims) {
    move(past);
    if (sign == '-')
      move(source_.size() - strip_left(rest()).size());
    else if (sign != '+' && trims && rest().starts_with('\n'))
      move(at_ + 1);
    line_starts_ = source_[at_ - 1] == '\n';
  }

  void comment(std::size_t inside) {
    const auto end = source_.find("#}", inside);
    if (end == source_.npos) fail("a comment does not end");
    const char sign = end > inside ? source_[end - 1] : ' ';
    close(end + 2, sign, true);
  }

  // Returns the place past "raw %}" or "endraw %}" where the inside of such a tag begins here, and
  // keeps its last sign in raw_sign_.
  std::size_t raw_tag(std::size_t inside, std::string_view word) {
    auto text = strip_left(std::string_view(source_).substr(inside));
    if (!text.starts_with(word)) return source_.npos;
    text = strip_left(text.substr(word.size()));
    raw_sign_ =
        !text.empty() && (text[0] == '-' || (text[0] == '+' && word == "endraw")) ? text[0] : ' ';
    if (raw_sign_ != ' ') text.remove_prefix(1);
    return text.starts_with("%}") ? source_.size() - text.size() + 2 : source_.npos;
  }

  void raw(std::size_t begin) {
    close(begin, raw_sign_, false);
    for (auto at = source_.find("{%", at_); at != source_.npos; at = source_.find("{%", at + 1)) {
      const char sign = at + 2 < source_.size() ? source_[at + 2] : ' ';
      const bool signed_tag = sign == '-' || sign == '+';
      const auto past = raw_tag(at + (signed_tag ? 3 : 2), "endraw");
      if (past == source_.npos) continue;
      data(at, signed_tag ? sign : ' ', false);
      return close(past, raw_sign_, true);
    }
    fail("a raw block does not end");
  }

  // Reads the tokens of a tag up to its end.
  void tag(std::size_t inside, Kind kind) {
    const bool output = kind == Kind::output_begin;
    const std::string_view ending = output ? "}}" : "%}";
    add(kind, "");
    move(inside);
    brackets_.clear();
    while (true) {
      move(source_.size() - strip_left(rest()).size());
      if (rest().empty()) fail("a tag does not end");
      const char sign = rest()[0];
      const bool signed_end =
          (sign == '-' || (sign == '+' && !output)) && rest().substr(1).starts_with(ending);
      if (brackets_.empty() && (signed_end || rest().starts_with(ending))) {
        add(output ? Kind::output_end : Kind::block_end, "");
        return close(at_ + (signed_end ? 3 : 2), signed_end ? sign : ' ', !output);
      }
      token();
    }
  }

  void token() {
    const char c = rest()[0];
    if (is_digit(c)) return number();
    if (is_name(c)) {
      std::size_t end = 1;
      while (end < rest().size() && is_name(rest()[end])) ++end;
      return take(Kind::name, std::string(rest().substr(0, end)), end);
    }
    if (c == '\'' || c == '"') {
      const auto literal = read_literal(rest());
      if (!literal.refusal.empty()) fail(literal.refusal);
      return take(Kind::text, literal.value, literal.length);
    }
    symbol();
  }

  void take(Kind kind, std::string text, std::size_t bytes) {
    add(kind, std::move(text));
    move(at_ + bytes);
  }

  // The end of digits with single underscores between them.
  static std::size_t digits(std::string_view text, std::size_t at) {
    while (at < text.size() &&
           (is_digit(text[at]) || (text[at] == '_' && at + 1 < text.size() &&
                                   is_digit(text[at + 1]) && at > 0 && is_digit(text[at - 1]))))
      ++at;
    return at;
  }

  void number() {
    const auto text = rest();
    auto end = digits(text, 0);
    const auto whole = end;
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot) {
      const auto digit_at = [&](std::size_t at) { return at < text.size() && is_digit(text[at]); };
      if (end < text.size() && text[end] == '.' && digit_at(end + 1)) end = digits(text, end + 1);
      if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
        const bool sign = end + 1 < text.size() && (text[end + 1] == '-' || text[end + 1] == '+');
        if (digit_at(end + 1 + sign)) end = digits(text, end + 1 + sign);
      }
    }
    std::string spelled(text.substr(0, end));
    std::erase(spelled, '_');
    if (end == whole && spelled[0] == '0' && spelled.find_first_not_of('0') != spelled.npos)
      fail("the number '" + spelled + "' begins with 0");
    take(end == whole ? Kind::integer : Kind::number, spelled, end);
  }

  void symbol() {
    static constexpr std::array<std::string_view, 27> symbols{
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    for (const auto symbol : symbols) {
      if (symbol.empty() || !rest().starts_with(symbol)) continue;
      constexpr std::string_view opening = "([{", closing = ")]}";
      if (opening.find(symbol) != opening.npos) brackets_ += closing[opening.find(symbol)];
      if (closing.find(symbol) != closing.npos) {
        if (brackets_.empty() || brackets_.back() != symbol[0])
          fail("'" + std::string(symbol) + "' closes nothing");
        brackets_.pop_back();
      }
      return take(Kind::symbol, std::string(symbol), symbol.size());
    }
    fail("'" + std::string(characters(rest().substr(0, 4)).front()) + "' is not expected in a tag");
  }

  std::string source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // the text continues at the start of a line
  char raw_sign_ = ' ';
  std::string brackets_;  // open brackets
};

}  // namespace

std::vector<Token> lex(std::string_view source) { return Lexer(normalized(source)).run(); }

}  // namespace strata::text::jinja
