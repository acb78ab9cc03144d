#include "text/pattern.hpp"

#include <cctype>
#include <vector>

#include "core/error.hpp"
#include "text/pattern_class.hpp"
#include "text/pattern_cursor.hpp"

namespace strata::text {
namespace {

constexpr std::size_t deepest = 32;

// Only outside of classes, Oniguruma counts these numbers as parts of words.
constexpr std::string_view more_of_words = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

// The pattern of a word boundary, or of a place that is none.
std::string word_edge(bool edge) {
  const auto word = "[" + std::string(word_set).append(more_of_words) + "]";
  const auto here = edge ? "(?!" : "(?=", beyond = edge ? "(?=" : "(?!";
  return "(?:(?<=" + word + ")" + here + word + ")|(?<!" + word + ")" + beyond + word + "))";
}

class Translator {
 public:
  explicit Translator(std::string_view text) : at_(text) {}

  std::string run() {
    while (!at_.at_end()) {
      const char c = at_.rest()[0];
      if (c == '(') {
        open();
      } else if (c == ')') {
        close();
      } else if (c == '|' || c == '.' || c == '^' || c == '$') {
        begin_atom();
        put(1);
      } else if (c == '*' || c == '+' || c == '?') {
        repeat();
      } else if (c == '[') {
        begin_atom();
        out_ += pcre2_class(at_, caseless());
      } else if (at_.ahead("\\b") || at_.ahead("\\B")) {
        begin_atom();
        out_ += word_edge(at_.ahead("\\b"));
        at_.skip(2);
      } else if (at_.ahead("\\A") || at_.ahead("\\z") || at_.ahead("\\Z")) {
        begin_atom();
        put(2);
      } else if (c != '{' || !counted()) {
        atom();
      }
    }
    if (!groups_.empty()) at_.refuse("an open group");
    return out_;
  }

 private:
  struct Group {
    bool caseless;
    std::size_t begin;  // in the output
  };

  void put(std::size_t bytes) {
    out_ += at_.rest().substr(0, bytes);
    at_.skip(bytes);
  }
  bool caseless() const { return !groups_.empty() && groups_.back().caseless; }
  void begin_atom() {
    atom_ = out_.size();
    previous_ = 0;
  }
  bool repeat_ahead() const { return at_.ahead("*") || at_.ahead("+") || at_.ahead("?"); }

  void open() {
    static constexpr std::string_view known[] = {
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
    if (groups_.size() == deepest) at_.refuse("a group too deep");
    begin_atom();
    for (const auto opening : known)
      if (at_.ahead(opening)) {
        groups_.push_back({caseless() || opening == "(?i:", atom_});
        return put(opening.size());
      }
    if (at_.ahead("(?") || at_.ahead("(*"))
      at_.refuse("'" + printable(at_.rest().substr(0, 3)) + "'");
    groups_.push_back({caseless(), atom_});
    out_ += "(?:";  // nothing refers to a group
    at_.skip(1);
  }

  void close() {
    if (groups_.empty()) at_.refuse("')' without its '('");
    begin_atom();
    atom_ = groups_.back().begin;
    groups_.pop_back();
    put(1);
  }

  void repeat() {
    previous_ = 0;
    put(1);
    if (at_.ahead("?") || at_.ahead("+")) put(1);
    if (repeat_ahead()) at_.refuse("a repeat of a repeat");
  }

  // {n}, {n,}, {,m} or {n,m}; any other brace is a character.
  bool counted() {
    const auto rest = at_.rest();
    std::size_t end = 1;
    const auto number = [&] {
      const auto begin = end;
      while (end < rest.size() && std::isdigit(static_cast<unsigned char>(rest[end]))) ++end;
      return std::string(rest.substr(begin, end - begin));
    };
    auto low = number();
    const bool range = end < rest.size() && rest[end] == ',';
    if (range) ++end;
    const auto high = range ? number() : "";
    if ((low.empty() && high.empty()) || end == rest.size() || rest[end] != '}') return false;
    if (low.empty()) low = "0";
    out_ += "{" + low + (range ? "," + high : "") + "}";
    at_.skip(end + 1);
    previous_ = 0;
    // Oniguruma reads a plus after a counted repeat as one more repeat, PCRE2 as possessive.
    if (at_.ahead("+")) {
      out_.insert(atom_, "(?:");
      out_ += ")+";
      at_.skip(1);
    } else if (range && at_.ahead("?")) {
      put(1);
    }
    if (repeat_ahead() || at_.ahead("{")) at_.refuse("a repeat of a repeat");
    return true;
  }

  void atom() {
    atom_ = out_.size();
    const auto item = at_.next();
    if (!item.one) {
      if (caseless()) at_.refuse("a set without case");
      out_ += "[" + item.set;
      if (item.set == word_set) out_ += more_of_words;
      out_ += "]";
      previous_ = 0;
      return;
    }
    if (caseless()) check_caseless(*item.one);
    out_ += pcre2_literal(*item.one);
  }

  // Oniguruma folds some characters to several (U+00DF to "ss"), PCRE2 only to one.
  void check_caseless(char32_t c) {
    if (c >= 0x80) at_.refuse("a character outside ASCII without case");
    const auto low = static_cast<char>(std::tolower(static_cast<int>(c)));
    const bool folds = (previous_ == 's' && (low == 's' || low == 't')) ||
                       (previous_ == 'f' && (low == 'f' || low == 'i' || low == 'l'));
    if (folds) at_.refuse("'" + std::string{previous_, low} + "' without case");
    previous_ = low;
  }

  PatternCursor at_;
  std::string out_;
  std::size_t atom_ = 0;  // the beginning of the part that a repeat would repeat
  std::vector<Group> groups_;
  char previous_ = 0;  // the ASCII letter just before, inside a group without case
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace strata::text
