// A model's chat templates and the special tokens that they use.
#pragma once
#include <ctime>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/source/gguf_vocabulary.hpp"
#include "text/jinja/template.hpp"

namespace strata::text {

// A file beside a checkpoint and its bytes.
struct TextFile {
  std::string path, bytes;
};

// The input of a template's rendering; null for a part that is absent.
struct Conversation {
  nlohmann::ordered_json messages, tools, documents;
  // Variables of the template by their names; they take precedence over special tokens.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
};

class ChatTemplate {
 public:
  using Tokens = std::vector<std::pair<std::string, std::string>>;  // "bos_token" and its content

  // Reads tokenizer_config.json, and template files by their names, which take precedence where
  // there are any. Throws strata::Error where they are malformed or there is no template.
  static ChatTemplate from_files(const std::optional<TextFile>& config,
                                 const std::map<std::string, TextFile>& templates,
                                 const std::string& folder, const Tokens& tokens);
  static ChatTemplate from_gguf(const source::GgufVocabulary& vocabulary, const std::string& file);

  // Renders the conversation as text that the model continues, as transformers' apply_chat_template
  // with add_generation_prompt; the text contains its special tokens. A conversation with tools
  // uses the template named tool_use where there is one, else the one named default. Throws
  // strata::Error where the template refuses the conversation.
  std::string render(const Conversation& conversation, const std::tm& now) const {
    return render_marked(conversation, now).text;
  }
  // Renders alike, with the template's own marks of what the assistant says, where it has them. The
  // variable add_generation_prompt of the conversation may be false.
  jinja::Marked render_marked(const Conversation& conversation, const std::tm& now) const;

  // Whether a template uses such a variable.
  bool mentions(const std::string& variable) const;

 private:
  using Json = nlohmann::ordered_json;
  struct Parsed;
  ChatTemplate(std::map<std::string, TextFile> templates, Json tokens);
  const std::pair<const std::string, TextFile>& chosen(bool tools) const;

  std::map<std::string, TextFile> templates_;  // by name; the path is for messages
  Json tokens_;                                // "bos_token": "<s>"
  std::shared_ptr<Parsed> parsed_;             // the templates that were rendered
};

}  // namespace strata::text
