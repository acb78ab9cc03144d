#include "torch/attributes.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"

namespace strata::torch {

namespace {

constexpr std::size_t most_texts = 1024;

Attributes read(std::string_view text) {
  Attributes a;
  if (text.empty()) return a;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto refuse = [&](const std::string& what) {
    return Error("call", "the attributes '" + printable(text) + "' " + what,
                 "use the keys scale, causal, window, dropout in a JSON object");
  };
  if (!json.is_object()) throw refuse("are no JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key == "causal" && value.is_boolean())
      a.causal = value.get<bool>();
    else if (key == "scale" && value.is_number())
      a.scale = value.get<double>();
    else if (key == "dropout" && value.is_number())
      a.dropout = value.get<double>();
    else if (key == "window" && value.is_number_unsigned())
      a.window = value.get<int64_t>();
    else
      throw refuse("have an unknown key or value at '" + printable(key) + "'");
  }
  return a;
}

}  // namespace

const Attributes& AttributeCache::of(std::string_view json) {
  if (const auto found = read_.find(json); found != read_.end()) return found->second;
  if (read_.size() == most_texts) read_.clear();
  return read_.emplace(std::string(json), read(json)).first->second;
}

}  // namespace strata::torch
