#include "host/deepspeed/weight_quantization.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/error.hpp"

namespace strata::deepspeed {
namespace {

using nlohmann::json;

constexpr std::int64_t largest_group = 1 << 20;

// One object of the section, for its messages.
class Object {
 public:
  Object(const json& value, std::string file, std::string where)
      : value_(value), file_(std::move(file)), where_(std::move(where)) {
    if (!value.is_object()) refuse("", "an object is expected", "write {...}");
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& what,
                           const std::string& remedy) const {
    throw UsageError(file_, printable(where_ + (key.empty() ? "" : "." + key)) + ": " + what,
                     remedy);
  }

  template <std::size_t N>
  void allow(const std::array<std::string_view, N>& known) const {
    for (const auto& [key, value] : value_.items())
      if (std::ranges::find(known, key) == known.end())
        refuse(key, "there is no such key", "leave it out");
  }

  std::optional<std::int64_t> integer(const char* key, std::int64_t low, std::int64_t high) const {
    const auto at = value_.find(key);
    if (at == value_.end() || at->is_null()) return std::nullopt;
    if (!at->is_number_integer() || *at < low || *at > high)
      refuse(key,
             "a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
                 " is expected",
             "fix it");
    return at->get<std::int64_t>();
  }

  std::optional<bool> flag(const char* key) const {
    const auto at = value_.find(key);
    if (at == value_.end() || at->is_null()) return std::nullopt;
    if (!at->is_boolean()) refuse(key, "true or false is expected", "fix it");
    return at->get<bool>();
  }

 private:
  const json& value_;
  std::string file_, where_;
};

struct Scheme {
  std::string name;
  std::optional<std::int64_t> group_size;
  std::optional<bool> symmetric;
};

Scheme scheme_of(const Object& block) {
  constexpr std::array<std::string_view, 4> known{"num_bits", "group_size", "group_dim",
                                                  "symmetric"};
  block.allow(known);
  const auto bits = block.integer("num_bits", 1, 64);
  if (!bits || (*bits != 4 && *bits != 8))
    block.refuse("num_bits", bits ? "weights are quantized to 4 or 8 bits" : "is missing",
                 "give 4 or 8");
  if (block.integer("group_dim", 0, 1).value_or(1) != 1)
    block.refuse("group_dim", "groups lie along the inputs of a row, which products read together",
                 "give 1");
  return {*bits == 4 ? "int4" : "int8", block.integer("group_size", 1, largest_group),
          block.flag("symmetric")};
}

std::string rule_of(const std::string& match, const Scheme& scheme) {
  auto out = match + "=" + scheme.name;
  if (scheme.group_size) out += ",group_size=" + std::to_string(*scheme.group_size);
  if (scheme.symmetric) out += std::string(",symmetric=") + (*scheme.symmetric ? "on" : "off");
  return out;
}

}  // namespace

json quant_settings(const json& section, const std::string& file) {
  const std::string name(weight_quantization);
  const Object whole(section, file, name);
  constexpr std::array<std::string_view, 2> known{"quantized_initialization", "post_init_quant"};
  whole.allow(known);
  const bool at_once = section.contains(known[0]), by_name = section.contains(known[1]);
  if (at_once && by_name)
    whole.refuse("", "has both quantized_initialization and post_init_quant", "give one of them");
  auto out = json::object();
  if (at_once) {
    const auto scheme = scheme_of({section.at(known[0]), file, name + "." + std::string(known[0])});
    out["quant"] = scheme.name;
    if (scheme.group_size) out["quant_group_size"] = *scheme.group_size;
    if (scheme.symmetric) out["quant_symmetric"] = *scheme.symmetric ? "on" : "off";
  }
  if (!by_name) return out;
  const Object rules(section.at(known[1]), file, name + "." + std::string(known[1]));
  for (const auto& [match, value] : section.at(known[1]).items()) {
    if (match.empty() || match.find('=') != match.npos)
      rules.refuse(match, "is no part of a weight's name", "give a part of a name");
    out["quant_rules"].push_back(
        rule_of(match, scheme_of({value, file, name + "." + std::string(known[1]) + "." + match})));
  }
  return out;
}

}  // namespace strata::deepspeed
