#include "text/jinja/arguments.hpp"

#include <algorithm>

#include "text/jinja/compare.hpp"

namespace strata::text::jinja {

std::vector<const Value*> Arguments::bind(
    std::string_view who, std::initializer_list<std::string_view> parameters) const {
  const std::string name(who);
  if (positional.size() > parameters.size())
    throw Refused("'" + name + "' takes at most " + std::to_string(parameters.size()) +
                  " arguments");
  std::vector<const Value*> out(parameters.size(), nullptr);
  for (std::size_t i = 0; i < positional.size(); ++i) out[i] = &positional[i];
  for (const auto& [key, value] : named) {
    const auto at =
        static_cast<std::size_t>(std::ranges::find(parameters, key) - parameters.begin());
    if (at == parameters.size() || out[at])
      throw Refused("'" + name + "' does not take '" + std::string(key) + "' here");
    out[at] = &value;
  }
  return out;
}

Arguments Arguments::rest(std::size_t count) const {
  Arguments out{{}, named};
  for (auto i = count; i < positional.size(); ++i) out.positional.push_back(positional[i]);
  return out;
}

bool flag_of(const Value* value, bool fallback) { return value ? truth(*value) : fallback; }

std::int64_t integer_of(const Value* value, std::int64_t fallback) {
  if (!value) return fallback;
  if (!value->whole()) throw Refused("an integer is needed, not " + std::string(value->kind()));
  return value->integer();
}

const std::string& text_of(const Value* value, std::string_view who) {
  if (!value || !value->text())
    throw Refused("'" + std::string(who) + "' needs text, not " +
                  (value ? std::string(value->kind()) : "nothing"));
  return *value->text();
}

}  // namespace strata::text::jinja
