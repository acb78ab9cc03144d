#include "text/jinja/arithmetic.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/python_text.hpp"

namespace strata::text::jinja {
namespace {

[[noreturn]] void too_large() { throw Refused("an integer of more than 64 bits is not supported"); }

std::int64_t floor_divided(std::int64_t a, std::int64_t b) {
  if (b == -1 && a == INT64_MIN) too_large();
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

std::int64_t raised(std::int64_t base, std::int64_t exponent) {
  std::int64_t out = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(out, base, &out)) too_large();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return out;
}

// The remainder, which has the sign of the divisor in Python.
double remainder_of(double a, double b) {
  auto out = std::fmod(a, b);
  if (out != 0 && (out < 0) != (b < 0)) out += b;
  return out == 0 ? std::copysign(0.0, b) : out;
}

double floor_divided(double a, double b) {
  const auto remainder = remainder_of(a, b);
  const auto quotient = (a - remainder) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const auto low = std::floor(quotient);
  return quotient - low > 0.5 ? low + 1 : low;
}

Value of_integers(Operator operation, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool wide = false;
  switch (operation) {
    case Operator::add:
      wide = __builtin_add_overflow(a, b, &out);
      break;
    case Operator::subtract:
      wide = __builtin_sub_overflow(a, b, &out);
      break;
    case Operator::multiply:
      wide = __builtin_mul_overflow(a, b, &out);
      break;
    case Operator::floor_divide:
      out = floor_divided(a, b);
      break;
    case Operator::modulo:
      out = b == -1 ? 0 : a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
      break;
    default:
      out = raised(a, b);
  }
  if (wide) too_large();
  return Value(out);
}

Value of_floats(Operator operation, double a, double b) {
  switch (operation) {
    case Operator::add:
      return Value(a + b);
    case Operator::subtract:
      return Value(a - b);
    case Operator::multiply:
      return Value(a * b);
    case Operator::divide:
      return Value(a / b);
    case Operator::floor_divide:
      return Value(floor_divided(a, b));
    case Operator::modulo:
      return Value(remainder_of(a, b));
    default:
      break;
  }
  const auto out = std::pow(a, b);
  if (!std::isfinite(out) && std::isfinite(a) && std::isfinite(b))
    throw Refused("a power is too large or no real number");
  return Value(out);
}

Value of_numbers(Operator operation, const Value& a, const Value& b) {
  const bool divides = operation == Operator::divide || operation == Operator::floor_divide ||
                       operation == Operator::modulo;
  if (divides && b.real() == 0) throw Refused("a division by zero");
  const bool whole = a.whole() && b.whole();
  if (operation == Operator::power && a.real() == 0 && b.real() < 0)
    throw Refused("a division by zero");
  if (whole && operation != Operator::divide && (operation != Operator::power || b.integer() >= 0))
    return of_integers(operation, a.integer(), b.integer());
  constexpr std::int64_t exact = std::int64_t{1} << 53;
  if (whole && operation == Operator::divide &&
      (a.integer() > exact || a.integer() < -exact || b.integer() > exact || b.integer() < -exact))
    throw Refused("a division of integers above 2^53 is not supported");
  return of_floats(operation, a.real(), b.real());
}

Value repeated(Budget& budget, const Value& value, std::int64_t times) {
  const auto count = static_cast<std::uint64_t>(std::clamp<std::int64_t>(times, 0, 1 << 28));
  if (const auto* text = value.text()) {
    budget.spend(text->size() * count + count);
    std::string out;
    for (std::uint64_t i = 0; i < count; ++i) out += *text;
    return Value(std::move(out));
  }
  const auto* items = value.sequence();
  budget.spend(Budget::element * (items->items.size() + 1) * count);
  Sequence out{items->form, {}};
  for (std::uint64_t i = 0; i < count; ++i)
    out.items.insert(out.items.end(), items->items.begin(), items->items.end());
  return Value(std::move(out));
}

bool adds(const Value& value) {
  const auto* items = value.sequence();
  return items && items->form <= Sequence::Form::tuple;
}

}  // namespace

Value arithmetic(Budget& budget, Operator operation, const Value& a, const Value& b) {
  if (a.number() && b.number()) return of_numbers(operation, a, b);
  if (operation == Operator::multiply) {
    if ((a.text() || adds(a)) && b.whole()) return repeated(budget, a, b.integer());
    if (a.whole() && (b.text() || adds(b))) return repeated(budget, b, a.integer());
  }
  if (operation == Operator::add && a.text() && b.text()) {
    budget.spend(a.text()->size() + b.text()->size());
    return Value(*a.text() + *b.text());
  }
  if (operation == Operator::add && adds(a) && adds(b) &&
      a.sequence()->form == b.sequence()->form) {
    budget.walk(a);
    budget.walk(b);
    auto out = *a.sequence();
    out.items.insert(out.items.end(), b.sequence()->items.begin(), b.sequence()->items.end());
    return Value(std::move(out));
  }
  if (operation == Operator::modulo && a.text())
    throw Refused("formatting a text by '%' is not supported");
  constexpr std::string_view signs[] = {"+", "-", "*", "/", "//", "%", "**"};
  throw Refused("'" + std::string(signs[static_cast<int>(operation)]) + "' between " +
                std::string(a.kind()) + " and " + std::string(b.kind()));
}

Value negated(const Value& value) {
  if (const auto* number = value.as<double>()) return Value(-*number);
  if (!value.whole()) throw Refused("'-' before " + std::string(value.kind()));
  if (value.integer() == INT64_MIN) too_large();
  return Value(-value.integer());
}

Value parsed_integer(std::string_view text) {
  text = strip_right(strip_left(text));
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || end != text.data() + text.size()) return nullptr;
  if (error == std::errc::result_out_of_range) too_large();
  return error == std::errc() ? Value(out) : Value(nullptr);
}

Value parsed_float(std::string_view text) {
  text = strip_right(strip_left(text));
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  if (text.find('(') != text.npos) return nullptr;  // nan(...)
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || end != text.data() + text.size()) return nullptr;
  if (error == std::errc::result_out_of_range)
    throw Refused("the number '" + std::string(text.substr(0, 60)) + "' is out of range");
  return error == std::errc() ? Value(out) : Value(nullptr);
}

Value truncated(double number) {
  const auto whole = std::trunc(number);
  if (!(std::abs(whole) < 0x1p63)) too_large();
  return Value(static_cast<std::int64_t>(whole));
}

}  // namespace strata::text::jinja
