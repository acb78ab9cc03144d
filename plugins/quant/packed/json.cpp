#include "packed/json.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <strata/plugin.hpp>

namespace packed {
namespace {

constexpr int deepest = 32;

class Reader {
 public:
  Reader(std::string_view text, const std::string& what) : rest_(text), what_(what) {}

  Json whole() {
    auto out = value(0);
    blanks();
    if (!rest_.empty()) refuse();
    return out;
  }

 private:
  [[noreturn]] void refuse() const {
    throw strata::Failure(STRATA_INVALID, what_ + ": is no valid JSON: fetch the checkpoint again");
  }

  void blanks() {
    const auto at = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(at, rest_.size()));
  }
  char next() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(std::string_view word) {
    const bool found = rest_.starts_with(word);
    if (found) rest_.remove_prefix(word.size());
    return found;
  }
  void need(std::string_view word) {
    if (!take(word)) refuse();
  }

  Json value(int depth) {
    if (depth > deepest) refuse();
    blanks();
    Json out;
    switch (next()) {
      case '{':
        members(out, depth);
        break;
      case '[':
        items(out, depth);
        break;
      case '"':
        out.kind = Json::Kind::text, out.text = text();
        break;
      case 't':
        need("true"), out.kind = Json::Kind::boolean, out.flag = true;
        break;
      case 'f':
        need("false"), out.kind = Json::Kind::boolean;
        break;
      case 'n':
        need("null");
        break;
      default:
        out.kind = Json::Kind::number, out.number = number();
    }
    return out;
  }

  void members(Json& out, int depth) {
    out.kind = Json::Kind::object;
    need("{");
    for (bool first = true;; first = false) {
      blanks();
      if (first ? take("}") : !take(",")) break;
      blanks();
      auto key = text();
      blanks();
      need(":");
      out.members.emplace_back(std::move(key), value(depth + 1));
    }
    if (!out.members.empty()) need("}");
  }

  void items(Json& out, int depth) {
    out.kind = Json::Kind::list;
    need("[");
    for (bool first = true;; first = false) {
      blanks();
      if (first ? take("]") : !take(",")) break;
      out.items.push_back(value(depth + 1));
    }
    if (!out.items.empty()) need("]");
  }

  double number() {
    const auto count = std::min(rest_.find_first_not_of("+-.0123456789eE"), rest_.size());
    double out = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + count, out);
    const bool digit = count > 0 && rest_[0] != '.' && rest_[0] != '+';
    if (!digit || error != std::errc() || end != rest_.data() + count || !std::isfinite(out))
      refuse();
    rest_.remove_prefix(count);
    return out;
  }

  std::string text() {
    need("\"");
    std::string out;
    while (next() != '"') {
      if (static_cast<unsigned char>(next()) < 0x20) refuse();
      if (take("\\"))
        escape(out);
      else
        out += next(), rest_.remove_prefix(1);
    }
    need("\"");
    return out;
  }

  void escape(std::string& out) {
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const auto at = from.find(next()); !rest_.empty() && at != from.npos) {
      out += to[at];
      rest_.remove_prefix(1);
      return;
    }
    need("u");
    auto point = hexadecimal();
    if (point >= 0xd800 && point < 0xdc00) {
      need("\\u");
      const auto low = hexadecimal();
      if (low < 0xdc00 || low > 0xdfff) refuse();
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    append(out, point);
  }

  uint32_t hexadecimal() {
    uint32_t out = 0;
    if (rest_.size() < 4) refuse();
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, out, 16);
    if (error != std::errc() || end != rest_.data() + 4) refuse();
    rest_.remove_prefix(4);
    return out;
  }

  static void append(std::string& out, uint32_t point) {  // in UTF-8
    const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (point < 0x80) return put(point);
    if (point < 0x800) {
      put(0xc0 | point >> 6);
    } else if (point < 0x10000) {
      put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f));
    } else {
      put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f)), put(0x80 | (point >> 6 & 0x3f));
    }
    put(0x80 | (point & 0x3f));
  }

  std::string_view rest_;
  const std::string& what_;
};

}  // namespace

Json Json::parse(std::string_view text, const std::string& what) {
  return Reader(text, what).whole();
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name == key) return value.is(Kind::null) ? nullptr : &value;
  return nullptr;
}

bool Json::is_integer() const {
  return is(Kind::number) && std::fabs(number) < 0x1p53 && number == std::floor(number);
}

}  // namespace packed
