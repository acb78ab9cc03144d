// Values of options: from text to a type, and from a type into its field.
#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/error.hpp"
#include "core/parse_size.hpp"
#include "host/cli/option.hpp"
#include "host/cli/toml.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;

template <class T, class... Ts>
constexpr bool one_of = (std::is_same_v<T, Ts> || ...);

template <class F>
using Value = std::remove_pointer_t<F>;

[[noreturn]] void refuse(std::string_view who, const json& value, std::string_view what,
                         std::string_view remedy) {
  const auto text = value.is_number_float() ? number_text(value.get<double>())
                    : value.is_string()
                        ? value.get<std::string>()
                        : value.dump(-1, ' ', false, json::error_handler_t::replace);
  throw UsageError(who, "'" + printable(text) + "' is no " + std::string(what), remedy);
}

void check_range(const Option& option, const json& value, double number, std::string_view who) {
  const bool low = number < option.low || (option.above && number == option.low);
  const bool high = number > option.high || (option.below && number == option.high);
  if (!low && !high) return;
  const auto* words = low ? (option.above ? "give more than " : "give at least ")
                          : (option.below ? "give less than " : "give at most ");
  throw UsageError(who, value.dump() + " is out of range",
                   words + number_text(low ? option.low : option.high));
}

std::string read_text(const Option& option, const json& value, std::string_view who) {
  if (!value.is_string()) refuse(who, value, "text", "put it between quotes");
  auto text = value.get<std::string>();
  if (option.closed &&
      ("|" + std::string(option.value) + "|").find("|" + text + "|") == std::string::npos)
    refuse(who, value, "known value", "give one of " + std::string(option.value));
  if (text.find('\0') != std::string::npos) refuse(who, value, "text", "leave out the zero byte");
  return text;
}

Ids read_ids(const json& value, std::string_view who) {
  static constexpr auto remedy = "give token ids as \"1,2,3\"";
  if (!value.is_string()) refuse(who, value, "list of ids", remedy);
  const auto& text = value.get_ref<const std::string&>();
  Ids ids;
  const char *at = text.data(), *const end = at + text.size();
  const auto skip = [&] {
    while (at != end && *at == ' ') ++at;
  };
  while (true) {
    skip();
    std::int32_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || id < 0) refuse(who, value, "list of ids", remedy);
    ids.push_back(id);
    at = next;
    skip();
    if (at == end) return ids;
    if (*at++ != ',') refuse(who, value, "list of ids", remedy);
  }
}

std::uint64_t read_size(const json& value, std::string_view who) {
  std::optional<std::uint64_t> bytes;
  if (value.is_string()) bytes = parse_size(value.get_ref<const std::string&>());
  if (value.is_number_integer() && value >= 0) bytes = value.get<std::uint64_t>();
  if (value.is_number_float()) bytes = parse_size(number_text(value.get<double>()));
  if (!bytes) refuse(who, value, "size", "write it as 512MiB, 24GiB, 24GB or 1e9");
  return *bytes;
}

// "0.9,0.999", or a list of two numbers.
std::array<double, 2> read_pair(const Option& option, const json& value, std::string_view who) {
  static constexpr auto remedy = "write it as 0.9,0.999";
  auto two = value;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    two = json::parse("[" + text + "]", nullptr, false);
    if (two.is_discarded()) refuse(who, value, "pair of numbers", remedy);
  }
  if (!two.is_array() || two.size() != 2) refuse(who, value, "pair of numbers", remedy);
  std::array<double, 2> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!two[i].is_number() || !std::isfinite(two[i].get<double>()))
      refuse(who, value, "pair of numbers", remedy);
    out[i] = two[i].get<double>();
    check_range(option, two[i], out[i], who);
  }
  return out;
}

// True or false, and the words "on" and "off" where the option takes them.
bool read_flag(const Option& option, const json& value, std::string_view who) {
  const bool words = option.value == on_off;
  if (words && (value == "on" || value == "off")) return value == "on";
  if (!value.is_boolean())
    refuse(who, value, "flag", words ? "give on or off" : "give true or false");
  return value.get<bool>();
}

const json& need_list(const json& value, std::string_view who) {
  if (!value.is_array()) refuse(who, value, "list", R"(write it as ["...", "..."])");
  return value;
}

template <class T>
void read(T& field, const Option& option, const json& value, std::string_view who) {
  if constexpr (std::is_same_v<T, bool>) {
    field = read_flag(option, value, who);
  } else if constexpr (std::is_same_v<T, std::array<double, 2>>) {
    field = read_pair(option, value, who);
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    if (!value.is_number_integer()) refuse(who, value, "integer", "give a whole number");
    check_range(option, value, value.get<double>(), who);
    field = value.get<std::int64_t>();
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      refuse(who, value, "number", "give a decimal number");
    check_range(option, value, value.get<double>(), who);
    field = value.get<double>();
  } else if constexpr (one_of<T, std::string, std::optional<std::string>>) {
    field = read_text(option, value, who);
  } else if constexpr (std::is_same_v<T, std::optional<std::uint64_t>>) {
    field = read_size(value, who);
  } else if constexpr (std::is_same_v<T, std::optional<Ids>>) {
    field = read_ids(value, who);
  } else if constexpr (std::is_same_v<T, std::vector<Ids>>) {
    field.clear();
    for (const auto& one : need_list(value, who)) field.push_back(read_ids(one, who));
  } else {
    static_assert(std::is_same_v<T, std::vector<std::string>>);
    field.clear();
    for (const auto& one : need_list(value, who)) field.push_back(read_text(option, one, who));
  }
}

// The whole of `text` as a number of type T.
template <class T>
json parse_number(std::string_view text, std::string_view who, std::string_view what,
                  std::string_view remedy) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(who, std::string(text), what, remedy);
  return number;
}

}  // namespace

void assign(const Option& option, const json& value, std::string_view who) {
  std::visit([&](auto field) { read(*field, option, value, who); }, option.field);
}

json typed(const Option& option, std::string_view text, std::string_view who) {
  return std::visit(
      [&](auto field) -> json {
        using T = Value<decltype(field)>;
        if constexpr (std::is_same_v<T, bool>) {
          if (option.value == on_off) return std::string(text);
          if (text != "true" && text != "false")
            refuse(who, std::string(text), "flag", "give true or false");
          return text == "true";
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return parse_number<std::int64_t>(text, who, "integer", "give a whole number");
        } else if constexpr (std::is_same_v<T, double>) {
          return parse_number<double>(text, who, "number", "give a decimal number");
        } else if constexpr (one_of<T, std::vector<std::string>, std::vector<Ids>>) {
          if (text.starts_with('[')) return parse_toml_value(text);
          return json::array({std::string(text)});
        } else if constexpr (std::is_same_v<T, std::array<double, 2>>) {
          return text.starts_with('[') ? parse_toml_value(text) : json(std::string(text));
        } else {
          return std::string(text);
        }
      },
      option.field);
}

}  // namespace strata::cli
