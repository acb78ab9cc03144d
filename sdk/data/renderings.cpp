#include "data/renderings.hpp"

#include "core/error.hpp"

namespace strata::data {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view mark = unlikely_text;

text::Conversation beside(const text::Conversation& given, Json messages, bool prompt) {
  text::Conversation out{std::move(messages), given.tools, given.documents, given.variables};
  out.variables["add_generation_prompt"] = prompt;
  return out;
}

}  // namespace

Renderings::Renderings(const text::ChatTemplate& chat, const text::Conversation& conversation,
                       const std::tm& now)
    : chat_(chat), given_(conversation), now_(now),
      whole_(chat.render_marked(beside(conversation, conversation.messages, false), now)) {}

std::optional<std::string> Renderings::rendered(Json messages, bool prompt) const {
  try {
    return chat_.render(beside(given_, std::move(messages), prompt), now_);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> Renderings::first(std::size_t count, bool prompt) const {
  if (count == size() && !prompt) return whole_.text;
  auto messages = Json::array();
  for (std::size_t i = 0; i < count; ++i) messages.push_back(given_.messages[i]);
  return rendered(std::move(messages), prompt);
}

std::optional<Renderings::Replaced> Renderings::replaced(std::size_t message) const {
  if (whole_.text.find(mark) != std::string::npos) return std::nullopt;
  auto messages = given_.messages;
  auto& other = messages[message];
  other["content"] = std::string(mark);
  for (const auto* key : {"reasoning_content", "thinking", "reasoning"}) other.erase(key);
  auto text = rendered(std::move(messages), false);
  if (!text) return std::nullopt;
  const auto at = text->find(mark);
  if (at == std::string::npos || text->find(mark, at + 1) != std::string::npos) return std::nullopt;
  return Replaced{std::move(*text), at, at + mark.size()};
}

bool Renderings::prints_content(std::size_t message) const {
  auto messages = given_.messages;
  messages[message]["content"] = std::string(mark);
  const auto text = rendered(std::move(messages), false);
  return !text || text->find(mark) != std::string::npos;
}

bool Renderings::prints_calls(std::size_t message) const {
  auto messages = given_.messages;
  messages[message].erase("tool_calls");
  if (!messages[message].contains("content")) messages[message]["content"] = "";
  const auto text = rendered(std::move(messages), false);
  return !text || *text != whole_.text;
}

}  // namespace strata::data
