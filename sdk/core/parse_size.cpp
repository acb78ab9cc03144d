#include "core/parse_size.hpp"

#include <array>
#include <utility>

namespace strata {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 11> units{{
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000'000},
    {"GB", 1000'000'000},
    {"TB", 1000'000'000'000},
    {"KiB", std::uint64_t{1} << 10},
    {"MiB", std::uint64_t{1} << 20},
    {"GiB", std::uint64_t{1} << 30},
    {"TiB", std::uint64_t{1} << 40},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Moves digits from the front of `text` into `value`; returns how many, or nothing if they
// overflow.
std::optional<int> take_digits(std::string_view& text, std::uint64_t& value) {
  int count = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), ++count)
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(text.front() - '0'), &value))
      return {};
  return count;
}

// Divides the product of the two by `prime`, if it is a multiple of it.
bool divide(std::uint64_t& a, std::uint64_t& b, std::uint64_t prime) {
  auto& multiple = a % prime == 0 ? a : b;
  if (multiple % prime != 0) return false;
  multiple /= prime;
  return true;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto whole = take_digits(text, number);
  if (!whole || *whole == 0) return {};
  int tens = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const auto digits = take_digits(text, number);
    if (!digits || *digits == 0) return {};
    tens -= *digits;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    std::uint64_t exponent = 0;
    const auto digits = take_digits(text, exponent);
    if (!digits || *digits == 0 || exponent > 40) return {};
    tens += static_cast<int>(exponent);
  }
  std::uint64_t unit = 0;
  for (const auto& [name, bytes] : units)
    if (name == text) unit = bytes;
  if (unit == 0) return {};
  if (number == 0) return 0;
  for (; tens < 0; ++tens)
    if (!divide(number, unit, 2) || !divide(number, unit, 5)) return {};
  for (; tens > 0; --tens)
    if (__builtin_mul_overflow(number, std::uint64_t{10}, &number)) return {};
  if (__builtin_mul_overflow(number, unit, &number)) return {};
  return number;
}

}  // namespace strata
