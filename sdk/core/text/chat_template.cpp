#include "core/text/chat_template.hpp"

#include <array>

#include "core/error.hpp"
#include "core/source/json.hpp"

namespace strata::text {
namespace {

constexpr auto remedy = "leave --chat out and write the prompt in the model's format";

constexpr std::array token_names{"bos_token", "eos_token", "unk_token", "sep_token",
                                 "pad_token", "cls_token", "mask_token"};

source::Json parsed(const std::optional<TextFile>& file) {
  if (!file) return source::Json::object();
  auto out = source::parse_json(file->bytes, file->path);
  if (!out.is_object()) throw Error(file->path, "it is no JSON object", remedy);
  return out;
}

// A token is its text, or an object that has it as its content.
void add_tokens(nlohmann::ordered_json& tokens, const source::Json& from, const TextFile& file) {
  for (const auto* name : token_names) {
    if (!from.contains(name) || from[name].is_null()) continue;
    const auto& given = from[name];
    const auto& text = given.is_object() && given.contains("content") ? given["content"] : given;
    if (!text.is_string())
      throw Error(file.path, std::string(name) + " is neither text nor has it a content", remedy);
    tokens[name] = text.get<std::string>();
  }
}

// The chat_template of a tokenizer_config.json: a text, or the one named default of several.
std::string source_of(const source::Json& config, const std::string& path) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null())
    throw Error(path, "the model has no chat template", remedy);
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array())
    for (const auto& one : *found)
      if (one.is_object() && one.value("name", source::Json()) == "default" &&
          one.contains("template") && one["template"].is_string())
        return one["template"].get<std::string>();
  throw Error(path, "chat_template is neither text nor a list with one named 'default'", remedy);
}

}  // namespace

ChatTemplate ChatTemplate::from_files(const std::optional<TextFile>& config,
                                      const std::optional<TextFile>& special_tokens,
                                      const std::optional<TextFile>& jinja,
                                      const std::string& folder) {
  const auto settings = parsed(config);
  auto tokens = Json::object();
  if (config) add_tokens(tokens, settings, *config);
  // Older folders keep them in a file of their own, which then wins.
  if (special_tokens && !settings.contains("added_tokens_decoder"))
    add_tokens(tokens, parsed(special_tokens), *special_tokens);
  if (jinja) return {jinja->bytes, jinja->path, std::move(tokens)};
  const auto path = config ? config->path : folder;
  return {source_of(settings, path), path + ": chat_template", std::move(tokens)};
}

ChatTemplate ChatTemplate::from_gguf(const GgufVocabulary& vocabulary, const std::string& file) {
  if (vocabulary.chat_template.empty()) throw Error(file, "the model has no chat template", remedy);
  auto tokens = Json::object();
  const auto add = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) tokens[name] = vocabulary.tokens.at(static_cast<std::size_t>(*id));
  };
  add("bos_token", vocabulary.bos);
  add("eos_token", vocabulary.eos);
  add("unk_token", vocabulary.unk);
  add("pad_token", vocabulary.pad);
  return {vocabulary.chat_template, file + ": tokenizer.chat_template", std::move(tokens)};
}

std::string ChatTemplate::render(const Conversation& conversation, const std::tm& now) const {
  auto variables = tokens_;
  variables["tools"] = conversation.tools;
  variables["documents"] = conversation.documents;
  variables["add_generation_prompt"] = true;
  variables["messages"] = conversation.messages;
  return template_.render(variables, now);
}

}  // namespace strata::text
