#include "host/deepspeed/hjson.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>
#include <utility>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

constexpr int deepest = 64;
constexpr std::size_t longest_number = 400;
constexpr std::string_view space = " \t\r\n", punctuators = "{}[],:";

bool is_one_of(char c, std::string_view set) { return set.find(c) != set.npos; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blank);
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// The length of the JSON number at the beginning, in bytes; 0 if there is none.
std::size_t number_length(std::string_view text, bool& whole) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const auto begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  const auto first = at;
  const auto many = digits();
  if (many == 0) return 0;
  if (text[first] == '0') at = first + 1;
  whole = true;
  auto end = at;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return end;
    whole = false;
    end = at;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return end;
    whole = false;
    end = at;
  }
  return end;
}

// The number, as Hjson's readers give it: a fraction that is whole and below 1e10 is an integer.
json number_of(std::string_view text, bool whole) {
  const auto *begin = text.data(), *end = begin + text.size();
  std::int64_t integer = 0;
  if (whole && std::from_chars(begin, end, integer).ec == std::errc()) return integer;
  std::uint64_t large = 0;
  if (whole && std::from_chars(begin, end, large).ec == std::errc()) return large;
  double value = 0;
  if (std::from_chars(begin, end, value).ec != std::errc() || !std::isfinite(value))
    return json(json::value_t::discarded);
  if (!whole && std::floor(value) == value && std::abs(value) < 1e10)
    return static_cast<std::int64_t>(value);
  return value;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  json document() {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3), skipped_ = 3;
    if (const auto bad = invalid_utf8(text_)) refuse(*bad, "the text is not UTF-8");
    next();
    if (at_ == text_.size()) return json::object();
    auto out = peek() == '{' || peek() == '[' ? value() : bare();
    next();
    if (at_ < text_.size()) refuse(at_, "more follows the end");
    return out;
  }

 private:
  [[noreturn]] void refuse(std::size_t at, std::string words) const {
    throw NotHjson{std::min(at, text_.size()) + skipped_, std::move(words)};
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool begins(std::string_view with) const { return text_.substr(at_).starts_with(with); }
  bool comment() const { return begins("#") || begins("//") || begins("/*"); }

  // Skips white space and comments.
  void next() {
    for (;;) {
      while (at_ < text_.size() && is_one_of(text_[at_], space)) ++at_;
      if (begins("/*")) {
        const auto end = text_.find("*/", at_ + 2);
        if (end == text_.npos) refuse(at_, "a comment does not end");
        at_ = end + 2;
      } else if (comment()) {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else {
        return;
      }
    }
  }

  // Reads a root object without braces, else a single value.
  json bare() {
    const auto begin = at_;
    try {
      return object(false);
    } catch (const NotHjson&) {
      const auto key = std::current_exception();
      try {
        at_ = begin;
        depth_ = 0;
        return value();
      } catch (const NotHjson&) {
        std::rethrow_exception(key);
      }
    }
  }

  json value() {
    if (at_ == text_.size()) refuse(at_, "a value is missing");
    if (begins("'''")) return lines();
    if (peek() == '"' || peek() == '\'') return quoted();
    if (peek() == '{') return ++at_, object(true);
    if (peek() == '[') return list();
    return unquoted();
  }

  void descend() {
    if (++depth_ > deepest)
      refuse(at_, "it is nested deeper than " + std::to_string(deepest) + " levels");
  }

  json object(bool braces) {
    descend();
    auto out = json::object();
    next();
    if (braces && peek() == '}') return ++at_, --depth_, out;
    for (;;) {
      const auto begin = at_;
      const auto name = key();
      next();
      if (peek() != ':') refuse(at_, "':' is missing");
      ++at_;
      next();
      if (!out.emplace(name, value()).second)
        refuse(begin, "the key '" + printable(name, 60) + "' occurs twice in one object");
      next();
      if (peek() == ',') {
        ++at_;
        next();
      }
      if (braces ? peek() == '}' : at_ == text_.size()) break;
    }
    if (braces) ++at_;
    --depth_;
    return out;
  }

  json list() {
    descend();
    ++at_;
    auto out = json::array();
    next();
    while (peek() != ']') {
      out.push_back(value());
      next();
      if (peek() == ',') {
        ++at_;
        next();
      }
    }
    ++at_;
    --depth_;
    return out;
  }

  std::string key() {
    next();
    if (peek() == '"' || peek() == '\'') return quoted();
    const auto begin = at_;
    for (;; ++at_) {
      if (at_ == text_.size()) refuse(at_, "a key or a closing brace is missing");
      if (peek() == ':') break;
      if (is_one_of(peek(), punctuators)) refuse(at_, "a key is missing");
    }
    const auto name = trimmed(text_.substr(begin, at_ - begin));
    if (name.empty() || name.find_first_of(space) != name.npos)
      refuse(begin, name.empty() ? "a key is missing" : "a key with spaces needs quotes");
    return std::string(name);
  }

  std::string quoted() {
    const auto begin = at_;
    const char quote = text_[at_++];
    std::string out;
    for (;;) {
      if (at_ == text_.size()) refuse(begin, "a text has no closing quote");
      const char c = text_[at_++];
      if (c == quote) return out;
      if (static_cast<unsigned char>(c) < 0x20) refuse(at_ - 1, "a text has no closing quote here");
      if (c == '\\')
        escape(out);
      else
        out += c;
    }
  }

  void escape(std::string& out) {
    constexpr std::string_view from = "\"'\\/bfnrt", to = "\"'\\/\b\f\n\r\t";
    const auto begin = at_ - 1;
    const char c = peek();
    if (c == 'u') {
      ++at_;
      auto point = unit(begin);
      if (point >= 0xd800 && point < 0xdc00 && begins("\\u")) {
        at_ += 2;
        const auto low = unit(begin);
        if (low >= 0xdc00 && low < 0xe000)
          point = 0x10000 + ((point - 0xd800) << 10) + low - 0xdc00;
      }
      if (point >= 0xd800 && point < 0xe000) refuse(begin, "half a surrogate pair is no letter");
      append_utf8(point, out);
      return;
    }
    const auto known = at_ < text_.size() ? from.find(c) : from.npos;
    if (known == from.npos) refuse(begin, "a backslash and no escape that is known");
    out += to[known];
    ++at_;
  }

  char32_t unit(std::size_t begin) {
    std::uint32_t out = 0;
    const auto digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4)
      refuse(begin, "\\u needs four hexadecimal digits");
    at_ += 4;
    return out;
  }

  // Reads a text between ''': the first line's indentation is removed from each line, and the last
  // line break is removed.
  json lines() {
    const auto begin = at_;
    const auto line = text_.rfind('\n', at_);
    const auto indent = line == text_.npos ? at_ : at_ - line - 1;
    const auto skip = [&](std::size_t most) {
      for (; most > 0 && at_ < text_.size() && is_one_of(text_[at_], " \t\r"); --most) ++at_;
    };
    at_ += 3;
    skip(text_.npos);
    if (peek() == '\n') {
      ++at_;
      skip(indent);
    }
    std::string out;
    while (!begins("'''")) {
      if (at_ == text_.size()) refuse(begin, "a text of several lines does not end");
      const char c = text_[at_++];
      if (c != '\r') out += c;
      if (c == '\n') skip(indent);
    }
    at_ += 3;
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }

  // Reads a word, a number, or a text up to the end of the line.
  json unquoted() {
    const auto begin = at_;
    if (is_one_of(peek(), punctuators)) refuse(at_, "a value is missing");
    for (;; ++at_) {
      const bool line_ends = at_ == text_.size() || peek() == '\r' || peek() == '\n';
      if (!line_ends && !is_one_of(peek(), ",}]") && !comment()) continue;
      const auto word = trimmed(text_.substr(begin, at_ - begin));
      if (word == "null") return nullptr;
      if (word == "true") return true;
      if (word == "false") return false;
      bool whole = false;
      if (!word.empty() && word.size() <= longest_number &&
          number_length(word, whole) == word.size()) {
        auto number = number_of(word, whole);
        if (number.is_discarded()) refuse(begin, "a number is too large");
        return number;
      }
      if (line_ends) return std::string(word);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, skipped_ = 0;
  int depth_ = 0;
};

}  // namespace

json parse_hjson(std::string_view text) { return Reader(text).document(); }

}  // namespace strata::deepspeed
