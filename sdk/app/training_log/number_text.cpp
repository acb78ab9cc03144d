#include "app/training_log/number_text.hpp"

#include <charconv>
#include <cmath>

namespace strata::training_log {
namespace {

std::string text_of(double value, std::chars_format format, int digits) {
  if (std::isnan(value)) return "nan";  // to_chars would give a sign too
  char text[400];                       // the largest double has 309 digits before its point
  const auto end = std::to_chars(text, text + sizeof text, value, format, digits);
  return {text, end.ptr};
}

std::string pair(int64_t first, const char* of, int64_t second, const char* of_second) {
  auto text = std::to_string(first) + of;
  if (second > 0) text += " " + std::to_string(second) + of_second;
  return text;
}

}  // namespace

std::string fixed(double value, int digits) {
  return text_of(value, std::chars_format::fixed, digits);
}

std::string scientific(double value, int digits) {
  return text_of(value, std::chars_format::scientific, digits);
}

std::string significant(double value) {
  constexpr double four_digits = 999.5;  // rounded
  return std::abs(value) < four_digits ? text_of(value, std::chars_format::general, 3)
                                       : fixed(value, 0);
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string grouped(uint64_t value) {
  auto text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string duration_text(double seconds) {
  constexpr double longest = 1e15;
  if (!(seconds >= 0 && seconds < longest)) return {};
  const auto whole = std::llround(seconds);
  constexpr int64_t minute = 60, hour = 60 * minute, day = 24 * hour;
  if (whole < minute) return std::to_string(whole) + " s";
  if (whole < hour) return pair(whole / minute, " min", whole % minute, " s");
  if (whole < day) return pair(whole / hour, " h", whole % hour / minute, " min");
  return pair(whole / day, " d", whole % day / hour, " h");
}

}  // namespace strata::training_log
