// The renderings of one conversation and of its parts, from which its turns are read.
#pragma once
#include <ctime>
#include <optional>
#include <string>

#include "text/chat_template.hpp"

namespace strata::data {

// A text of private characters that no template looks for.
inline constexpr const char* unlikely_text = "\xee\x80\x80\xee\x80\x81\xee\x80\x82";

class Renderings {
 public:
  // Throws Error where the template refuses the conversation.
  Renderings(const text::ChatTemplate& chat, const text::Conversation& conversation,
             const std::tm& now);

  const text::jinja::Marked& whole() const { return whole_; }
  // The first `count` messages, with or without a generation prompt; without a value where the
  // template refuses them.
  std::optional<std::string> first(std::size_t count, bool prompt) const;

  // The whole conversation with another content of one message, and where that stands.
  struct Replaced {
    std::string text;
    std::size_t begin, end;
  };
  std::optional<Replaced> replaced(std::size_t message) const;

  // Whether the template prints the content of the message, whatever it is, and its tool calls.
  // True where it refuses the conversation with another content, or without the calls.
  bool prints_content(std::size_t message) const;
  bool prints_calls(std::size_t message) const;

  const nlohmann::ordered_json& message(std::size_t i) const { return given_.messages[i]; }
  std::size_t size() const { return given_.messages.size(); }

 private:
  std::optional<std::string> rendered(nlohmann::ordered_json messages, bool prompt) const;

  const text::ChatTemplate& chat_;
  const text::Conversation& given_;
  const std::tm& now_;
  text::jinja::Marked whole_;
};

}  // namespace strata::data
