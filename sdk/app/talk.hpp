// A conversation with a model that stays loaded.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/run/generation.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace strata::app {

struct Answer {
  std::string text;
  run::GenerateResult result;
  std::size_t prompt_tokens = 0;
  std::size_t reused = 0;  // prompt tokens whose keys and values were still in the KV cache
};

// The referenced objects must outlive it. [main-thread]
class Talk {
 public:
  struct Parts {
    run::Session& session;
    const text::ChatTemplate& format;
    const text::Tokenizer& tokenizer;
    run::GenerateRequest request;    // everything but prompts and stops
    std::vector<std::string> stops;  // texts that end an answer
    nlohmann::ordered_json variables = nlohmann::ordered_json::object();  // for the template
    std::int64_t context = 0;  // tokens that the session has room for
  };
  explicit Talk(Parts parts) : parts_(std::move(parts)) { reset(); }

  // Begins a new conversation, with a system message unless `system` is empty.
  void reset(const std::string& system);
  // Begins a new conversation with the same system message.
  void reset();
  // `load` continues the file's conversation; `save` writes this one in the form of --chat-file.
  // Both throw Error.
  void load(const std::string& file);
  void save(const std::string& file) const;

  // Adds the user's message and the model's answer, even an answer that was interrupted; `print`
  // gets the answer's text while it is made. Throws Error and leaves the conversation unchanged if
  // it does not fit into the context.
  Answer ask(const std::string& message, const std::function<void(const std::string&)>& print);
  // Makes the answer to the last message again; throws Error if there is no message.
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

}  // namespace strata::app
