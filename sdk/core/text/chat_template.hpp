// A model's chat formats: its templates with the special tokens that they are told of.
#pragma once
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/gguf_vocabulary.hpp"

namespace strata::text {

// A file beside a checkpoint and its bytes.
struct TextFile {
  std::string path, bytes;
};

// What a template is rendered with; null where there is none.
struct Conversation {
  nlohmann::ordered_json messages, tools, documents;
  // Variables of the template by their names, which win over special tokens.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
};

class ChatTemplate {
 public:
  using Tokens = std::vector<std::pair<std::string, std::string>>;  // "bos_token" and its content

  // By tokenizer_config.json, and by files that are templates, by their names; where there are
  // such, they win over the first. Throws strata::Error where they are malformed or there is no
  // template.
  static ChatTemplate from_files(const std::optional<TextFile>& config,
                                 const std::map<std::string, TextFile>& templates,
                                 const std::string& folder, const Tokens& tokens);
  static ChatTemplate from_gguf(const GgufVocabulary& vocabulary, const std::string& file);

  // The conversation as text that the model goes on from, as transformers' apply_chat_template with
  // add_generation_prompt; its special tokens are in it. A conversation with tools takes the
  // template named tool_use where there is one, else that named default. Throws strata::Error where
  // the template does not take it.
  std::string render(const Conversation& conversation, const std::tm& now) const;

  // Whether a template names such a variable.
  bool mentions(const std::string& variable) const;

 private:
  using Json = nlohmann::ordered_json;
  ChatTemplate(std::map<std::string, TextFile> templates, Json tokens)
      : templates_(std::move(templates)), tokens_(std::move(tokens)) {}
  const TextFile& chosen(bool tools) const;

  std::map<std::string, TextFile> templates_;  // by name; the path is for messages
  Json tokens_;                                // "bos_token": "<s>"
};

}  // namespace strata::text
