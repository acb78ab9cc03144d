#include "host/running/conversations.hpp"

#include "core/error.hpp"
#include "core/source/json.hpp"

namespace strata::host {
namespace {

using Json = nlohmann::ordered_json;

bool is_message(const Json& value) {
  return value.is_object() && value.contains("role") && value["role"].is_string();
}

class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}

  std::vector<text::Conversation> all(const Json& root) {
    const bool several = root.is_array() && !root.empty() && !is_message(root[0]);
    std::vector<text::Conversation> out;
    if (!several) out.push_back(one(root, ""));
    if (several)
      for (std::size_t i = 0; i < root.size(); ++i)
        out.push_back(one(root[i], "conversation " + std::to_string(i) + ": "));
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(file_, what, R"(write [{"role": "user", "content": "..."}])");
  }

  text::Conversation one(const Json& value, const std::string& where) const {
    text::Conversation out;
    if (value.is_object() && value.contains("messages")) {
      for (const auto& [key, given] : value.items())
        if (key == "messages" || key == "tools" || key == "documents")
          (key == "tools" ? out.tools : key == "messages" ? out.messages : out.documents) = given;
        else
          refuse(where + "key '" + printable(key) + "' is unknown");
    } else {
      out.messages = value;
    }
    if (!out.messages.is_array() || out.messages.empty()) refuse(where + "no list of messages");
    for (std::size_t i = 0; i < out.messages.size(); ++i)
      if (!is_message(out.messages[i]))
        refuse(where + "message " + std::to_string(i) + " is no object with a role");
    return out;
  }

  const std::string& file_;
};

}  // namespace

std::vector<text::Conversation> parse_conversations(const std::string& bytes,
                                                    const std::string& file) {
  source::parse_json(bytes, file);  // refuses what is damaged, too deep, or has a key twice
  return Parser(file).all(Json::parse(bytes));  // the template sees the keys in their order
}

}  // namespace strata::host
