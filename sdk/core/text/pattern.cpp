#include "core/text/pattern.hpp"

#include <cctype>
#include <optional>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/utf8.hpp"

namespace strata::text {
namespace {

// White space by Unicode's property and all that is not, as ranges inside a class.
constexpr std::string_view space =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view no_space =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff})"
    R"(\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::size_t deepest = 32;

std::string literal(char32_t c) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  do hex.insert(hex.begin(), digits[c % 16]);
  while (c /= 16);
  return "\\x{" + hex + "}";
}

class Translator {
 public:
  explicit Translator(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '(') {
        open();
      } else if (c == ')') {
        close();
      } else if (c == '|') {
        put("|"), previous_ = 0;
      } else if (c == '.' || c == '^' || c == '$') {
        put({&c, 1}), previous_ = 0;
      } else if (c == '*' || c == '+' || c == '?') {
        repeat();
      } else if (c == '[') {
        out_ += char_class();
      } else if (c == '{' && counted()) {
        previous_ = 0;
      } else {
        atom();
      }
    }
    if (!groups_.empty()) refuse("an open group");
    return out_;
  }

 private:
  struct Item {
    std::optional<char32_t> one;  // a single character, or
    std::string set;              // what stands for a set inside a class
  };

  [[noreturn]] void refuse(std::string_view what) const {
    throw std::invalid_argument(std::string(what) + " at byte " + std::to_string(at_));
  }
  bool ahead(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
  void put(std::string_view what) {
    out_ += what;
    at_ += what.size();
  }
  bool caseless() const { return !groups_.empty() && groups_.back(); }

  void open() {
    static constexpr std::string_view known[] = {
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
    if (groups_.size() == deepest) refuse("a group too deep");
    previous_ = 0;
    for (const auto opening : known)
      if (ahead(opening)) {
        groups_ += caseless() || opening == "(?i:" ? '\1' : '\0';
        return put(opening);
      }
    if (ahead("(?") || ahead("(*")) refuse("'" + printable(text_.substr(at_, 3)) + "'");
    groups_ += caseless() ? '\1' : '\0';
    out_ += "(?:";  // nothing refers to a group
    ++at_;
  }

  void close() {
    if (groups_.empty()) refuse("')' without its '('");
    groups_.pop_back();
    previous_ = 0;
    put(")");
  }

  void repeat() {
    previous_ = 0;
    put(text_.substr(at_, 1));
    if (ahead("?") || ahead("+")) put(text_.substr(at_, 1));
    if (ahead("*") || ahead("+") || ahead("?")) refuse("a repeat of a repeat");
  }

  // {n}, {n,}, {,m} or {n,m}; any other brace is a character.
  bool counted() {
    auto end = at_ + 1;
    const auto number = [&] {
      const auto begin = end;
      while (end < text_.size() && std::isdigit(static_cast<unsigned char>(text_[end]))) ++end;
      return std::string(text_.substr(begin, end - begin));
    };
    auto low = number();
    const bool range = end < text_.size() && text_[end] == ',';
    if (range) ++end;
    const auto high = range ? number() : "";
    if ((low.empty() && high.empty()) || end == text_.size() || text_[end] != '}') return false;
    if (low.empty()) low = "0";
    out_ += "{" + low + (range ? "," + high : "") + "}";
    at_ = end + 1;
    // Oniguruma reads a sign after a counted repeat as one more repeat, PCRE2 does not.
    if (ahead("*") || ahead("+") || ahead("?") || ahead("{")) refuse("a repeat of a repeat");
    return true;
  }

  void atom() {
    const auto item = next();
    if (!item.one) {
      if (caseless()) refuse("a set without case");
      out_ += "[" + item.set + "]";
      previous_ = 0;
      return;
    }
    if (caseless()) check_caseless(*item.one);
    out_ += literal(*item.one);
  }

  // Oniguruma folds some characters to several (U+00DF to "ss"), PCRE2 to one alone.
  void check_caseless(char32_t c) {
    if (c >= 0x80) refuse("a character outside ASCII without case");
    const auto low = static_cast<char>(std::tolower(static_cast<int>(c)));
    const bool folds = (previous_ == 's' && (low == 's' || low == 't')) ||
                       (previous_ == 'f' && (low == 'f' || low == 'i' || low == 'l'));
    if (folds) refuse("'" + std::string{previous_, low} + "' without case");
    previous_ = low;
  }

  // A character, an escaped one or a set.
  Item next() {
    if (text_[at_] == '\\') return escape();
    const auto length = first_sequence(text_.substr(at_)).length;
    const auto c = code_point(text_.substr(at_, length));
    at_ += length;
    return {c, {}};
  }

  Item escape() {
    if (++at_ == text_.size()) refuse("a lone '\\'");
    const char c = text_[at_];
    if (!std::isalnum(static_cast<unsigned char>(c))) {
      const auto length = first_sequence(text_.substr(at_)).length;
      const auto point = code_point(text_.substr(at_, length));
      at_ += length;
      return {point, {}};
    }
    ++at_;
    switch (c) {
      case 't':
        return {U'\t', {}};
      case 'n':
        return {U'\n', {}};
      case 'r':
        return {U'\r', {}};
      case 'f':
        return {U'\f', {}};
      case 'v':
        return {U'\v', {}};
      case 'a':
        return {U'\a', {}};
      case 'e':
        return {char32_t{0x1b}, {}};
      case 's':
        return {{}, std::string(space)};
      case 'S':
        return {{}, std::string(no_space)};
      case 'd':
        return {{}, "\\p{Nd}"};
      case 'D':
        return {{}, "\\P{Nd}"};
      case 'p':
        return {{}, property(false)};
      case 'P':
        return {{}, property(true)};
      case 'x':
        return {ahead("{") ? braced_hex() : hex(1, 2), {}};
      case 'u':
        return {hex(4, 4), {}};
      default:
        refuse("'\\" + std::string(1, c) + "'");
    }
  }

  char32_t hex(std::size_t least, std::size_t most) {
    char32_t value = 0;
    std::size_t digits = 0;
    while (digits < most && at_ < text_.size() &&
           std::isxdigit(static_cast<unsigned char>(text_[at_]))) {
      const auto c = static_cast<char32_t>(std::tolower(text_[at_]));
      value = value * 16 + (c <= U'9' ? c - U'0' : c - U'a' + 10);
      ++at_, ++digits;
    }
    if (digits < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
      refuse("a wrong code point");
    // Below 0x80 a byte is a character; from there on \xHH is a byte of one.
    if (most == 2 && value >= 0x80) refuse("'\\x' of a byte that is no character");
    return value;
  }

  char32_t braced_hex() {
    ++at_;
    const auto value = hex(1, 6);
    if (!ahead("}")) refuse("a wrong code point");
    ++at_;
    return value;
  }

  // {Lu}, {^Lu}, {Han}: a general category, else a script by its name.
  std::string property(bool negated) {
    if (!ahead("{")) refuse("'\\p' without braces");
    const auto end = text_.find('}', at_);
    if (end == std::string_view::npos) refuse("'\\p' without its '}'");
    auto name = text_.substr(at_ + 1, end - at_ - 1);
    if (!name.empty() && name[0] == '^') negated = !negated, name.remove_prefix(1);
    if (name.empty()) refuse("a property without a name");
    for (const char c : name)
      if (!std::isalpha(static_cast<unsigned char>(c)) && c != '_') refuse("a property's name");
    static constexpr std::string_view categories =
        " C Cc Cf Cn Co L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm "
        "So Z Zl Zp Zs ";
    const bool category = categories.find(" " + std::string(name) + " ") != std::string_view::npos;
    at_ = end + 1;
    // A script alone would be its extensions too in PCRE2.
    return std::string(negated ? "\\P{" : "\\p{") + (category ? "" : "sc:") + std::string(name) +
           "}";
  }

  // A class at '[', nested ones joined to it.
  std::string char_class() {
    if (caseless()) refuse("a class without case");
    previous_ = 0;
    ++at_;
    std::string out = "[";
    if (ahead("^")) out += "^", ++at_;
    const auto items = class_items(0);
    if (items.empty()) refuse("an empty class");
    return out + items + "]";
  }

  std::string class_items(std::size_t depth) {
    std::string items;
    if (ahead("]")) refuse("']' as the first of a class");
    while (!ahead("]")) {
      if (at_ == text_.size()) refuse("a class without its ']'");
      if (ahead("&&")) refuse("'&&'");
      if (ahead("[:")) refuse("'[:'");
      if (ahead("[")) {
        if (depth == deepest) refuse("a class too deep");
        ++at_;
        if (ahead("^")) refuse("'[^' inside a class");
        items += class_items(depth + 1);
      } else {
        items += class_item();
      }
    }
    ++at_;
    return items;
  }

  std::string class_item() {
    const auto item = next();
    const bool range = ahead("-") && !ahead("-]") && !ahead("-[");
    if (!item.one) {
      if (range) refuse("a set as a range's end");
      return item.set;
    }
    if (!range) return literal(*item.one);
    ++at_;
    if (at_ == text_.size()) refuse("a class without its ']'");
    const auto last = next();
    if (!last.one || *last.one < *item.one) refuse("a wrong range");
    return literal(*item.one) + "-" + literal(*last.one);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::string groups_;  // the open ones; '\1' where case does not count
  char previous_ = 0;   // the ASCII letter just before, inside a group without case
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace strata::text
