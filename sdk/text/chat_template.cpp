#include "text/chat_template.hpp"

#include <algorithm>
#include <cctype>
#include <mutex>

#include "core/error.hpp"
#include "text/chat_messages.hpp"
#include "text/jinja/template.hpp"
#include "text/json_fields.hpp"

namespace strata::text {
namespace {

constexpr auto default_name = "default", tools_name = "tool_use";

// The templates of a tokenizer_config.json: a text, a list of names and texts, or an object of
// them.
std::map<std::string, TextFile> templates_of(const TextFile& config) {
  std::map<std::string, TextFile> out;
  const auto settings = read_ordered_json(config.bytes, config.path);
  if (!settings.is_object()) throw jinja::TemplateError(config.path, "it is no JSON object");
  const auto add = [&](const std::string& name, const auto& text) {
    if (!text.is_string())
      throw jinja::TemplateError(config.path,
                                 "chat_template '" + printable(name, 60) + "' is no text");
    out[name] = {config.path + ": chat_template", text.template get<std::string>()};
  };
  const auto found = settings.find("chat_template");
  if (found == settings.end() || found->is_null()) return out;
  if (found->is_string()) {
    add(default_name, *found);
  } else if (found->is_object()) {
    for (const auto& [name, text] : found->items()) add(name, text);
  } else if (found->is_array()) {
    for (const auto& one : *found) {
      if (!one.is_object() || !one.contains("name") || !one["name"].is_string() ||
          !one.contains("template"))
        throw jinja::TemplateError(config.path,
                                   "chat_template has one without a name or a template");
      add(one["name"].get<std::string>(), one["template"]);
    }
  } else {
    throw jinja::TemplateError(config.path,
                               "chat_template is neither text nor texts by their names");
  }
  return out;
}

}  // namespace

// A conversation is rendered many times to find its turns, so each template is parsed once.
struct ChatTemplate::Parsed {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const jinja::Template>> by_name;

  std::shared_ptr<const jinja::Template> of(const std::string& name, const TextFile& source) {
    const std::lock_guard lock(mutex);
    auto& held = by_name[name];
    if (!held) held = std::make_shared<const jinja::Template>(source.bytes, source.path);
    return held;
  }
};

ChatTemplate::ChatTemplate(std::map<std::string, TextFile> templates, Json tokens)
    : templates_(std::move(templates)), tokens_(std::move(tokens)),
      parsed_(std::make_shared<Parsed>()) {}

ChatTemplate ChatTemplate::from_files(const std::optional<TextFile>& config,
                                      const std::map<std::string, TextFile>& templates,
                                      const std::string& folder, const Tokens& tokens) {
  auto named = templates;
  // Where no file is the default template, the configuration's counts; transformers then has none.
  if (config && !named.contains(default_name)) named.merge(templates_of(*config));
  if (named.empty())
    throw jinja::TemplateError(config ? config->path : folder, "the model has no chat template");
  auto known = Json::object();
  for (const auto& [name, content] : tokens) known[name] = content;
  return {std::move(named), std::move(known)};
}

ChatTemplate ChatTemplate::from_gguf(const source::GgufVocabulary& vocabulary,
                                     const std::string& file) {
  if (vocabulary.chat_templates.empty())
    throw jinja::TemplateError(file, "the model has no chat template");
  std::map<std::string, TextFile> named;
  for (const auto& [name, text] : vocabulary.chat_templates)
    named[name] = {
        file + ": tokenizer.chat_template" + (name == default_name ? "" : "." + printable(name)),
        text};
  auto tokens = Json::object();
  const auto add = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) tokens[name] = vocabulary.tokens.at(static_cast<std::size_t>(*id));
  };
  add("bos_token", vocabulary.bos);
  add("eos_token", vocabulary.eos);
  add("unk_token", vocabulary.unk);
  add("pad_token", vocabulary.pad);
  return {std::move(named), std::move(tokens)};
}

const std::pair<const std::string, TextFile>& ChatTemplate::chosen(bool tools) const {
  auto found = templates_.find(tools ? tools_name : default_name);
  if (found == templates_.end()) found = templates_.find(default_name);
  if (found != templates_.end()) return *found;
  std::string names;
  for (const auto& [name, text] : templates_)
    names += (names.empty() ? "" : ", ") + printable(name, 60);
  throw jinja::TemplateError(templates_.begin()->second.path,
                             "the model has no chat template named default, but " + names);
}

jinja::Marked ChatTemplate::render_marked(const Conversation& conversation,
                                          const std::tm& now) const {
  auto variables = tokens_;
  variables["add_generation_prompt"] = true;
  for (const auto& [name, value] : conversation.variables.items()) variables[name] = value;
  const auto give = [&](const char* name, const Json& value) {
    if (!value.is_null() || !variables.contains(name)) variables[name] = value;
  };
  give("tools", conversation.tools);
  give("documents", conversation.documents);
  variables["messages"] = template_messages(conversation.messages);
  const auto& [name, source] = chosen(!variables["tools"].is_null());
  return parsed_->of(name, source)->render_marked(variables, now);
}

bool ChatTemplate::mentions(const std::string& variable) const {
  const auto inside = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  return !variable.empty() && std::ranges::any_of(templates_, [&](const auto& one) {
    const std::string& text = one.second.bytes;
    for (auto at = text.find(variable); at != text.npos; at = text.find(variable, at + 1)) {
      const auto end = at + variable.size();
      if ((at == 0 || !inside(text[at - 1])) && (end == text.size() || !inside(text[end])))
        return true;
    }
    return false;
  });
}

}  // namespace strata::text
