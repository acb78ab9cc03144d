// A model's chat format: its template with the special tokens that the template is told of.
#pragma once
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/text/gguf_vocabulary.hpp"
#include "core/text/jinja/template.hpp"

namespace strata::text {

// A file beside a checkpoint and its bytes.
struct TextFile {
  std::string path, bytes;
};

// What a template is rendered with; null where there is none.
struct Conversation {
  nlohmann::ordered_json messages, tools, documents;
};

class ChatTemplate {
 public:
  // Of tokenizer_config.json, special_tokens_map.json and a file that is a template, which wins
  // over the first. Throws strata::Error where they are malformed or none has a template.
  static ChatTemplate from_files(const std::optional<TextFile>& config,
                                 const std::optional<TextFile>& special_tokens,
                                 const std::optional<TextFile>& jinja, const std::string& folder);
  static ChatTemplate from_gguf(const GgufVocabulary& vocabulary, const std::string& file);

  // The conversation as text that the model goes on from, as transformers' apply_chat_template with
  // add_generation_prompt; its special tokens are in it. Throws strata::Error where the template
  // does not take it.
  std::string render(const Conversation& conversation, const std::tm& now) const;

 private:
  using Json = nlohmann::ordered_json;
  ChatTemplate(std::string_view source, std::string name, Json tokens)
      : template_(source, std::move(name)), tokens_(std::move(tokens)) {}

  jinja::Template template_;
  Json tokens_;  // "bos_token": "<s>"
};

}  // namespace strata::text
