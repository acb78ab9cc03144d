// Reads conversations from a file, as --chat-file names it.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/cli/option.hpp"
#include "text/chat_template.hpp"

namespace strata::host {

// Adds the option --chat-template-kwargs.
void add_template_variables(cli::Table& table, std::optional<std::string>& variables);

// The file's JSON: a list of messages, {"messages": [...]} with or without "tools", "documents" and
// variables of the template, or a list of these, each a conversation. Messages are objects with a
// "role"; the template reads their other keys. Variables stand in "chat_template_kwargs", or beside
// it under each key that `is_variable`. Throws an Error with `file` and the place for any other
// content.
std::vector<text::Conversation> parse_conversations(
    const std::string& bytes, const std::string& file,
    const std::function<bool(const std::string&)>& is_variable);

// The variables of an option's JSON object. Throws UsageError if it is no object, or has a key that
// only the conversation may give.
nlohmann::ordered_json parse_template_variables(const std::string& text);

}  // namespace strata::host
