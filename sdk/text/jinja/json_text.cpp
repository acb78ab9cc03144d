#include "text/jinja/json_text.hpp"

#include <algorithm>
#include <cmath>

#include "core/utf8.hpp"
#include "text/jinja/compare.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

class Writer {
 public:
  Writer(Budget& budget, const JsonStyle& style) : budget_(budget), style_(style) {}

  void write(const Value& value) {
    budget_.spend(Budget::step);
    const auto* sequence = value.sequence();
    if (const auto* text = value.text()) return quote(*text);
    if (const auto* dict = value.dict()) return entries(*dict);
    if (sequence && sequence->form <= Sequence::Form::tuple) return items(sequence->items);
    if (value.none() || value.number()) return put(scalar(value));
    throw Refused(std::string(value.kind()) + " cannot be written as JSON");
  }

  std::string out;

 private:
  void put(std::string_view text) { budget_.append(out, text); }

  static std::string scalar(const Value& value) {
    if (value.none()) return "null";
    if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
    if (const auto* number = value.as<double>()) {
      if (std::isnan(*number)) return "NaN";
      if (std::isinf(*number)) return *number < 0 ? "-Infinity" : "Infinity";
      return float_repr(*number);
    }
    return std::to_string(value.integer());
  }

  void line() {
    if (!style_.indent) return;
    put("\n");
    for (int i = 0; i < level_; ++i) put(*style_.indent);
  }

  void items(const Values& values) {
    if (values.empty()) return put("[]");
    put("[");
    ++level_;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) put(style_.between);
      line();
      write(values[i]);
    }
    --level_;
    line();
    put("]");
  }

  void entries(const Dict& dict) {
    if (dict.entries.empty()) return put("{}");
    auto sorted = dict.entries;
    budget_.spend(Budget::element * sorted.size());
    if (style_.sorted)
      std::ranges::stable_sort(sorted, [&](const auto& a, const auto& b) {
        return compare(budget_, Comparison::less, a.first, b.first);
      });
    put("{");
    ++level_;
    bool first = true;
    for (const auto& [key, value] : sorted) {
      if (!std::exchange(first, false)) put(style_.between);
      line();
      quote(key.text() ? *key.text() : scalar(key));
      put(style_.colon);
      write(value);
    }
    --level_;
    line();
    put("}");
  }

  void unit(unsigned code) {
    std::string text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) text += "0123456789abcdef"[(code >> shift) & 15];
    put(text);
  }

  void quote(std::string_view text) {
    put("\"");
    for (const auto one : characters(text)) {
      const auto c = code_point(one);
      constexpr std::string_view named = "\"\\\n\r\t\f\b", letters = "\"\\nrtfb";
      if (const auto at = c < 0x80 ? named.find(one[0]) : named.npos; at != named.npos)
        put(std::string{'\\', letters[at]});
      else if (c >= 0x10000 && style_.ascii)
        unit(0xd7c0 + (c >> 10)), unit(0xdc00 + (c & 0x3ff));
      else if (c < 0x20 || (c > 0x7e && style_.ascii && c != 0x7f))
        unit(c);
      else
        put(one);
    }
    put("\"");
  }

  Budget& budget_;
  const JsonStyle& style_;
  int level_ = 0;
};

}  // namespace

std::string json_text(Budget& budget, const Value& value, const JsonStyle& style) {
  Writer writer(budget, style);
  writer.write(value);
  return std::move(writer.out);
}

}  // namespace strata::text::jinja
