#include "data/content_parts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "core/error.hpp"
#include "data/renderings.hpp"

namespace strata::data {
namespace {

using Json = nlohmann::ordered_json;

const Json* list_of(const Json& message) {
  const auto content = message.find("content");
  return content != message.end() && content->is_array() ? &*content : nullptr;
}

std::string type_of(const Json& part) {
  if (part.is_string()) return "text";
  const auto type = part.is_object() ? part.find("type") : part.end();
  return part.is_object() && type != part.end() && type->is_string() ? type->get<std::string>()
                                                                     : "";
}

// The text of a part; null where it has none.
const std::string* text_of(const Json& part) {
  if (part.is_string()) return part.get_ptr<const std::string*>();
  const auto text = type_of(part) == "text" ? part.find("text") : part.end();
  return text != part.end() ? text->get_ptr<const std::string*>() : nullptr;
}

void refuse_media(const Json& list, const std::string& message) {
  constexpr std::array kinds{"image", "video", "audio"};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto type = type_of(list[i]);
    if (std::ranges::any_of(kinds, [&](const char* kind) { return type.find(kind) != type.npos; }))
      throw Error(message,
                  "part " + std::to_string(i) + " is of the type '" + printable(type, 60) + "'",
                  "give texts alone, on which the model is trained");
  }
}

std::string joined(const Json& list, const std::string& message) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto* text = text_of(list[i]);
    if (!text)
      throw Error(message,
                  "part " + std::to_string(i) + " is no text, and the chat template takes texts",
                  R"(write {"type": "text", "text": "..."})");
    out += *text;
  }
  return out;
}

// Whether the template prints the text of a list's part, and not the list itself; without a value
// where it refuses the conversation.
std::optional<bool> prints_part(const text::ChatTemplate& chat, text::Conversation conversation,
                                std::size_t message, const std::tm& now) {
  conversation.messages[message]["content"] =
      Json::array({{{"type", "text"}, {"text", unlikely_text}}});
  try {
    const auto text = chat.render(conversation, now);
    const auto at = text.find(unlikely_text);
    if (at == text.npos) return false;
    const auto before = std::string_view(text).substr(0, at);
    return !before.ends_with("'text': '") && !before.ends_with(R"("text": ")") &&
           !before.ends_with(R"("text":")");
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The other messages may be taken as texts alone.
bool takes_lists(const text::ChatTemplate& chat, const text::Conversation& conversation,
                 std::size_t message, const std::tm& now) {
  if (const auto prints = prints_part(chat, conversation, message, now)) return *prints;
  auto others = conversation;
  for (auto& one : others.messages)
    if (list_of(one)) one["content"] = "";
  return prints_part(chat, std::move(others), message, now).value_or(false);
}

}  // namespace

bool has_parts(const text::Conversation& conversation) {
  return std::ranges::any_of(conversation.messages,
                             [](const Json& message) { return list_of(message) != nullptr; });
}

text::Conversation with_joined_parts(const text::ChatTemplate& chat,
                                     const text::Conversation& conversation, const std::tm& now) {
  auto out = conversation;
  std::map<std::string, bool> takes;  // by role
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const auto& message = conversation.messages[i];
    const auto* list = list_of(message);
    if (!list) continue;
    const auto name = "message " + std::to_string(i);
    refuse_media(*list, name);
    const auto role = message["role"].get<std::string>();
    if (!takes.contains(role)) takes[role] = takes_lists(chat, conversation, i, now);
    if (!takes[role]) out.messages[i]["content"] = joined(*list, name);
  }
  return out;
}

}  // namespace strata::data
