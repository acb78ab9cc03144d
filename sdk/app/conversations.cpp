#include "app/conversations.hpp"

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::app {
namespace {

using Json = nlohmann::ordered_json;

bool is_message(const Json& value) {
  return value.is_object() && value.contains("role") && value["role"].is_string();
}

bool is_conversation(const Json& value) {
  return value.is_array() || (value.is_object() && value.contains("messages"));
}

constexpr auto variables_key = "chat_template_kwargs";

constexpr auto example = R"(write [{"role": "user", "content": "..."}])";

class Parser {
 public:
  Parser(const std::string& file, const std::function<bool(const std::string&)>& is_variable)
      : file_(file), is_variable_(is_variable) {}

  std::vector<text::Conversation> all(const Json& root) {
    const bool several =
        root.is_array() && !root.empty() && !is_message(root[0]) && is_conversation(root[0]);
    std::vector<text::Conversation> out;
    if (!several) out.push_back(one(root, ""));
    if (several)
      for (std::size_t i = 0; i < root.size(); ++i)
        out.push_back(one(root[i], "conversation " + std::to_string(i) + ": "));
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { throw Error(file_, what, example); }

  text::Conversation one(const Json& value, const std::string& where) const {
    text::Conversation out;
    if (value.is_object() && value.contains("messages")) {
      for (const auto& [key, given] : value.items())
        if (key == "messages" || key == "tools" || key == "documents")
          (key == "tools" ? out.tools : key == "messages" ? out.messages : out.documents) = given;
        else if (key == variables_key && given.is_object() && !reserved_variable(given))
          out.variables.update(given);
        else if (key == variables_key)
          refuse(where + variables_key + " is no object of variables");
        else if (is_variable_(key))
          out.variables[key] = given;
        else
          refuse(where + "key '" + printable(key) + "' is unknown");
    } else {
      out.messages = value;
    }
    if (!out.messages.is_array()) refuse(where + "no list of messages");
    if (out.messages.empty()) refuse(where + "the list of messages is empty");
    for (std::size_t i = 0; i < out.messages.size(); ++i)
      check_message(out.messages[i], where + "message " + std::to_string(i));
    return out;
  }

  void check_message(const Json& message, const std::string& where) const {
    if (!message.is_object()) refuse(where + " is no object");
    if (!message.contains("role")) refuse(where + " has no role");
    if (!message["role"].is_string()) refuse(where + " has a role that is no text");
  }

  const std::string& file_;
  const std::function<bool(const std::string&)>& is_variable_;
};

}  // namespace

std::tm local_now() {
  const auto now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

const char* reserved_variable(const Json& variables) {
  for (const auto* key : {"messages", "chat_template", "tokenize", "continue_final_message"})
    if (variables.contains(key)) return key;
  return nullptr;
}

std::vector<text::Conversation> parse_conversations(
    const std::string& bytes, const std::string& file,
    const std::function<bool(const std::string&)>& is_variable) {
  // The template sees the keys in the order of the file.
  return Parser(file, is_variable).all(parse_ordered_json(bytes, file, {.remedy = example}));
}

}  // namespace strata::app
