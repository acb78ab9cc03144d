// A conversation with a model that stays loaded.
#pragma once
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/run/generation.hpp"
#include "core/text/chat_template.hpp"
#include "core/text/tokenizer.hpp"

namespace strata::chat {

struct Answer {
  std::string text;
  run::GenerateResult result;
  std::size_t prompt_tokens = 0;
  std::size_t reused = 0;  // of these: not computed again
};

// The references outlive it. [main-thread]
class Talk {
 public:
  struct Parts {
    run::Session& session;
    const text::ChatTemplate& format;
    const text::Tokenizer& tokenizer;
    run::GenerateRequest request;    // everything but prompts and stops
    std::vector<std::string> stops;  // texts that end an answer
    nlohmann::ordered_json variables = nlohmann::ordered_json::object();  // of the template
    std::int64_t context = 0;  // tokens that the session has room for
  };
  explicit Talk(Parts parts) : parts_(std::move(parts)) { reset(); }

  // Begins anew, with a system's message unless it is empty.
  void reset(const std::string& system);
  // Begins anew with the same system's message.
  void reset();
  // Goes on with the file's conversation, or writes this one for --chat-file. Throws Error.
  void load(const std::string& file);
  void save(const std::string& file) const;

  // Adds the user's message and the model's answer, also one that was ended early; `print` gets the
  // answer's text while it is made. Throws Error, with the conversation as it was, where it has no
  // room.
  Answer ask(const std::string& message, const std::function<void(const std::string&)>& print);
  // The answer to the last message, made again; throws Error where there is none.
  Answer again(const std::function<void(const std::string&)>& print);

  std::size_t messages() const { return conversation_.messages.size(); }

 private:
  Answer answer(const std::function<void(const std::string&)>& print);
  std::vector<int32_t> prompt() const;

  Parts parts_;
  std::string system_;
  text::Conversation conversation_;
  std::vector<int32_t> held_;  // tokens whose keys and values the session has
};

}  // namespace strata::chat
