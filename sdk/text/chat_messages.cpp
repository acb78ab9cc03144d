#include "text/chat_messages.hpp"

#include <algorithm>
#include <iterator>

namespace strata::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* reasoning_names[] = {"reasoning_content", "thinking", "reasoning"};

Json template_message(const Json& message) {
  if (!message.is_object()) return message;
  auto given = Json::object();
  for (const auto& [key, value] : message.items())
    if (!value.is_null()) given[key] = value;
  const auto* name = std::find_if(std::begin(reasoning_names), std::end(reasoning_names),
                                  [&](const char* one) { return given.contains(one); });
  if (name == std::end(reasoning_names)) return given;
  const Json reasoning = given[*name];
  Json out{{"thinking", reasoning}};
  for (const auto& [key, value] : given.items()) out[key] = value;
  out["reasoning_content"] = reasoning;
  return out;
}

}  // namespace

Json template_messages(const Json& messages) {
  if (!messages.is_array()) return messages;
  auto out = Json::array();
  for (const auto& message : messages) out.push_back(template_message(message));
  return out;
}

}  // namespace strata::text
