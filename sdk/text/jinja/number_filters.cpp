#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja/arithmetic.hpp"
#include "text/jinja/filters.hpp"

namespace strata::text::jinja {
namespace {

[[noreturn]] void no_number(const Value& value, std::string_view who) {
  throw Refused("'" + std::string(who) + "' needs a number, not " + std::string(value.kind()));
}

Value to_integer(Budget&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("int", {"default", "base"});
  if (integer_of(given[1], 10) != 10) throw Refused("'int' by another base is not supported");
  if (input.undefined()) no_number(input, "int");
  const Value fallback = given[0] ? *given[0] : Value(std::int64_t{0});
  if (input.whole()) return Value(input.integer());
  auto number = input;
  if (const auto* text = input.text()) {
    if (auto whole = parsed_integer(*text); !whole.none()) return whole;
    number = parsed_float(*text);
    if (number.none() || std::isinf(number.real())) return fallback;
  }
  if (!number.number() || std::isnan(number.real())) return fallback;
  return truncated(number.real());
}

Value to_float(Budget&, const Value& input, const Arguments& arguments) {
  const auto* fallback = arguments.bind("float", {"default"})[0];
  if (input.undefined()) no_number(input, "float");
  if (input.number()) return Value(input.real());
  auto number = input.text() ? parsed_float(*input.text()) : Value(nullptr);
  if (!number.none()) return number;
  return fallback ? *fallback : Value(0.0);
}

Value absolute(Budget&, const Value& input, const Arguments& arguments) {
  arguments.bind("abs", {});
  if (!input.number()) no_number(input, "abs");
  if (input.whole()) return input.integer() < 0 ? negated(input) : Value(input.integer());
  return Value(std::abs(input.real()));
}

// The nearest number of so many digits, halves to the even one, as the C library writes it.
double rounded(double number, std::int64_t digits) {
  if (digits > 300) return number;
  if (!std::isfinite(number)) return number;
  std::string room(700, '\0');
  const auto size =
      std::snprintf(room.data(), room.size(), "%.*f", static_cast<int>(digits), number);
  return std::strtod(room.substr(0, static_cast<std::size_t>(size)).c_str(), nullptr);
}

Value round_number(Budget&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("round", {"precision", "method"});
  const auto digits = integer_of(given[0], 0);
  const auto method = given[1] ? text_of(given[1], "round") : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    throw Refused("'round' has no method '" + method + "'");
  if (!input.number()) no_number(input, "round");
  if (digits < 0) throw Refused("'round' to tens is not supported");
  if (method == "common") {
    if (input.whole()) return Value(input.integer());
    return Value(rounded(input.real(), digits));
  }
  if (digits > 15) throw Refused("'round' to so many digits is not supported");
  const auto scale = std::pow(10.0, static_cast<double>(digits));
  const auto scaled = input.real() * scale;
  if (!std::isfinite(scaled)) throw Refused("'round' of what is not finite");
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

}  // namespace

const Filters& number_filters() {
  static const Filters filters{
      {"int", to_integer}, {"float", to_float}, {"abs", absolute}, {"round", round_number}};
  return filters;
}

}  // namespace strata::text::jinja
