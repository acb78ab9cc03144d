// Options in words: their defaults and types, as help, the man page and the docs show them.
#include <charconv>
#include <type_traits>

#include "host/cli/option.hpp"

namespace strata::cli {

std::string number_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

bool is_flag(const Option& option) {
  return std::holds_alternative<bool*>(option.field) && option.value.empty();
}

bool is_list(const Option& option) {
  return std::holds_alternative<std::vector<std::string>*>(option.field) ||
         std::holds_alternative<std::vector<Ids>*>(option.field);
}

std::string default_text(const Option& option) {
  const auto text = std::visit(
      [&](auto field) -> std::string {
        using T = std::remove_pointer_t<decltype(field)>;
        const auto& value = *field;
        if constexpr (std::is_same_v<T, bool>)
          return option.value == on_off ? (value ? "on" : "off") : value ? "true" : "false";
        if constexpr (std::is_same_v<T, std::string>) return value;
        if constexpr (std::is_same_v<T, std::int64_t>)
          return value <= 0 && !option.unset.empty() ? "" : std::to_string(value);
        if constexpr (std::is_same_v<T, double>)
          return value <= 0 && !option.unset.empty() ? "" : number_text(value);
        if constexpr (std::is_same_v<T, std::array<double, 2>>)
          return number_text(value[0]) + "," + number_text(value[1]);
        return "";
      },
      option.field);
  return text.empty() ? std::string(option.unset) : text;
}

std::string_view type_text(const Option& option) {
  return std::visit(
      [&](auto field) -> std::string_view {
        using T = std::remove_pointer_t<decltype(field)>;
        if constexpr (std::is_same_v<T, bool>) return "flag";
        if constexpr (std::is_same_v<T, std::int64_t>) return "integer";
        if constexpr (std::is_same_v<T, double>) return "number";
        if constexpr (std::is_same_v<T, std::array<double, 2>>) return "two numbers";
        if constexpr (std::is_same_v<T, std::optional<std::uint64_t>>) return "size";
        if (is_list(option)) return "list of text";
        return "text";
      },
      option.field);
}

}  // namespace strata::cli
