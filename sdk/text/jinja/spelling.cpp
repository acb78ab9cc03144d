// Python's spelling of values: str and repr.
#include <utf8proc.h>

#include <array>
#include <charconv>
#include <cmath>

#include "core/utf8.hpp"
#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

bool printable_character(char32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

std::string escape(char32_t c) {
  const auto width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  std::string out = c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
  for (int shift = 4 * (width - 1); shift >= 0; shift -= 4)
    out += "0123456789abcdef"[(c >> shift) & 15];
  return out;
}

std::string in_quotes(std::string_view text) {
  const bool twice = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = twice ? '"' : '\'';
  std::string out(1, quote);
  for (const auto one : characters(text)) {
    const auto c = code_point(one);
    if (one[0] == quote || c == '\\')
      out.append({'\\', one[0]});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (printable_character(c))
      out += one;
    else
      out += escape(c);
  }
  return out + quote;
}

void append_items(Budget& budget, std::string& out, const Sequence& sequence) {
  const bool round = sequence.form == Sequence::Form::tuple;
  if (!round && sequence.form != Sequence::Form::list)
    throw Refused("the text of a range or of a view of a dict is not supported");
  budget.append(out, round ? "(" : "[");
  for (std::size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0) budget.append(out, ", ");
    append_repr(budget, out, sequence.items[i]);
  }
  budget.append(out, round ? (sequence.items.size() == 1 ? ",)" : ")") : "]");
}

void append_entries(Budget& budget, std::string& out, const Dict& dict) {
  budget.append(out, "{");
  bool first = true;
  for (const auto& [key, value] : dict.entries) {
    if (!std::exchange(first, false)) budget.append(out, ", ");
    append_repr(budget, out, key);
    budget.append(out, ": ");
    append_repr(budget, out, value);
  }
  budget.append(out, "}");
}

}  // namespace

// The shortest digits that read back as the number; with an exponent below 1e-4 and from 1e16.
std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 400> room{};
  const auto spell = [&](std::chars_format format) {
    const auto end = std::to_chars(room.data(), room.data() + room.size(), number, format).ptr;
    return std::string(room.data(), end);
  };
  const auto size = std::abs(number);
  if (size != 0 && (size < 1e-4 || size >= 1e16)) return spell(std::chars_format::scientific);
  auto out = spell(std::chars_format::fixed);
  return out.find('.') == out.npos ? out + ".0" : out;
}

void append_str(Budget& budget, std::string& out, const Value& value) {
  if (const auto* text = value.text()) return budget.append(out, *text);
  if (const auto* safe = value.as<Safe>()) return budget.append(out, *safe->text);
  if (value.undefined()) return;
  append_repr(budget, out, value);
}

void append_repr(Budget& budget, std::string& out, const Value& value) {
  budget.spend(Budget::step);
  if (const auto* text = value.text()) return budget.append(out, in_quotes(*text));
  if (value.none()) return budget.append(out, "None");
  if (value.undefined()) return budget.append(out, "Undefined");
  if (const auto* flag = value.as<bool>()) return budget.append(out, *flag ? "True" : "False");
  if (const auto* number = value.as<double>()) return budget.append(out, float_repr(*number));
  if (value.whole()) return budget.append(out, std::to_string(value.integer()));
  if (const auto* items = value.sequence()) return append_items(budget, out, *items);
  if (const auto* dict = value.dict()) return append_entries(budget, out, *dict);
  throw Refused("the text of " + std::string(value.kind()) + " is not supported");
}

std::string str(Budget& budget, const Value& value) {
  std::string out;
  append_str(budget, out, value);
  return out;
}

}  // namespace strata::text::jinja
