#include "host/deepspeed/lax_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::deepspeed {
namespace {

using nlohmann::json;

std::string trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blank);
  return std::string(
      first == text.npos ? "" : text.substr(first, text.find_last_not_of(blank) - first + 1));
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

template <class T>
json parsed(std::string_view text) {
  T out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? json(out) : json(json::value_t::discarded);
}

// The integer in a text such as "3", "+3", "1_000" or "3.00".
json integer_in(const std::string& text) {
  auto digits = trimmed(text);
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (const auto dot = digits.find('.'); dot != digits.npos) {
    if (dot + 1 == digits.size() || digits.find_first_not_of('0', dot + 1) != digits.npos)
      return json(json::value_t::discarded);
    digits.resize(dot);
  }
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto is_digit = [&](std::size_t at) {
      return at < digits.size() && std::isdigit(static_cast<unsigned char>(digits[at]));
    };
    if (digits[i] == '_' && (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)))
      return json(json::value_t::discarded);
    if (digits[i] != '_') out += digits[i];
  }
  return parsed<std::int64_t>(out);
}

json number_in(const std::string& text) {
  auto digits = trimmed(text);
  if (digits.starts_with('+')) digits.erase(0, 1);
  auto out = parsed<double>(digits);
  return !out.is_discarded() && std::isfinite(out.get<double>()) ? out
                                                                 : json(json::value_t::discarded);
}

json flag_of(const json& value, bool lax) {
  if (value.is_boolean()) return value;
  if (value.is_string()) {
    const auto text = lower(value.get<std::string>());
    if (text == "true" || text == "false") return text == "true";
    constexpr std::array<std::string_view, 5> yes{"t", "yes", "y", "on", "1"},
        no{"f", "no", "n", "off", "0"};
    if (lax && std::ranges::find(yes, text) != yes.end()) return true;
    if (lax && std::ranges::find(no, text) != no.end()) return false;
  }
  if (lax && value.is_number() && (value == 0 || value == 1)) return value == 1;
  return json(json::value_t::discarded);
}

json integer_of(const json& value, bool lax) {
  const json none(json::value_t::discarded);
  if (lax && value.is_string()) return integer_in(value.get<std::string>());
  if (lax && value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return none;
  if (value.is_number_integer()) return value;
  const auto number = value.is_number() ? value.get<double>() : NAN;
  const bool whole = number == std::floor(number) && std::abs(number) < 9e18;
  return whole ? json(static_cast<std::int64_t>(number)) : none;
}

}  // namespace

json converted(Type type, const json& value, bool lax) {
  const json none(json::value_t::discarded);
  switch (type) {
    case Type::flag:
      return flag_of(value, lax);
    case Type::integer:
      return integer_of(value, lax);
    case Type::number:
      if (lax && value.is_string()) return number_in(value.get<std::string>());
      if (lax && value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
      return value.is_number() ? value : none;
    case Type::text:
      return value.is_string() ? value : none;
    case Type::list:
      if (lax && value.is_string()) return json::array({value});
      return value.is_array() ? value : none;
    case Type::object:
      return value.is_object() ? value : none;
  }
  return none;
}

}  // namespace strata::deepspeed
