#include "data/messages.hpp"

#include <cmath>

#include "core/error.hpp"

namespace strata::data {
namespace {

constexpr auto example = R"(write [{"role": "user", "content": "..."}])";
constexpr auto turned_example = R"(write [{"from": "human", "value": "..."}])";

float weight_of(const OrderedJson& value, const std::string& place, const std::string& who) {
  if (value.is_null()) return 1;
  const auto number = value.is_number() ? value.get<double>() : -1;
  const auto weight = static_cast<float>(number);
  if (!(number >= 0) || !std::isfinite(weight))
    throw Error(place, who + " has a weight that is no number of at least 0", "give 0 or 1");
  return weight;
}

// The role of a ShareGPT speaker; null for another.
const char* role_of(const std::string& speaker) {
  static constexpr std::pair<const char*, const char*> roles[] = {
      {"human", "user"},          {"user", "user"},       {"gpt", "assistant"},
      {"assistant", "assistant"}, {"model", "assistant"}, {"system", "system"},
      {"tool", "tool"},           {"observation", "tool"}};
  for (const auto& [name, role] : roles)
    if (speaker == name) return role;
  return nullptr;
}

}  // namespace

Messages messages_of(OrderedJson&& list, const std::string& place) {
  if (list.empty()) throw Error(place, "the list of messages is empty", example);
  Messages out{std::move(list), {}};
  for (std::size_t i = 0; i < out.list.size(); ++i) {
    auto& message = out.list[i];
    const auto who = "message " + std::to_string(i);
    if (!message.is_object()) throw Error(place, who + " is no object", example);
    const auto role = message.find("role");
    if (role == message.end() || !role->is_string())
      throw Error(place, who + " has no role, or one that is no text", example);
    const auto weight = message.find("weight");
    out.weights.push_back(weight == message.end() ? 1 : weight_of(*weight, place, who));
    message.erase("weight");
  }
  return out;
}

Messages turned_messages(OrderedJson&& list, const std::string& system, const std::string& place) {
  auto messages = OrderedJson::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto& turn = list[i];
    const auto who = "turn " + std::to_string(i);
    const auto text = [&](const char* key) -> const std::string& {
      if (!turn.is_object() || !turn.contains(key) || !turn[key].is_string())
        throw Error(place, who + " has no '" + key + "' that is a text", turned_example);
      return turn[key].get_ref<const std::string&>();
    };
    const auto* role = role_of(text("from"));
    if (!role)
      throw Error(place, who + " is from '" + printable(text("from"), 60) + "'",
                  "use human, gpt, system or tool, or write \"messages\"");
    OrderedJson message{{"role", role}, {"content", text("value")}};
    if (turn.contains("weight")) message["weight"] = turn["weight"];
    messages.push_back(std::move(message));
  }
  return messages_of(std::move(messages), place);
}

OrderedJson listed(const OrderedJson& value, const char* key, const std::string& place) {
  auto list = value.is_string() ? parse_ordered_json(value.get_ref<const std::string&>(),
                                                     place + ": " + key, {.remedy = example})
                                : value;
  if (!list.is_array())
    throw Error(place, "'" + std::string(key) + "' is no list", "make it a list");
  return list;
}

void check_variables(const OrderedJson& variables, const std::string& place) {
  if (!variables.is_object())
    throw Error(place, "'chat_template_kwargs' is no object", "write the template's variables");
  for (const auto* key : {"messages", "tools", "documents", "chat_template", "tokenize",
                          "continue_final_message", "add_generation_prompt"})
    if (variables.contains(key))
      throw Error(place, "'chat_template_kwargs' sets '" + std::string(key) + "'",
                  "leave it out; the row and the program give it");
}

}  // namespace strata::data
