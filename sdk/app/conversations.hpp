// Reads conversations from a file, as --chat-file names it.
#pragma once
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/chat_template.hpp"

namespace strata::app {

// The file's JSON: a list of messages, {"messages": [...]} with or without "tools", "documents" and
// variables of the template, or a list of these, each a conversation. Messages are objects with a
// "role"; the template reads their other keys. Variables stand in "chat_template_kwargs", or beside
// it under each key that `is_variable`. Throws an Error with `file` and the place for any other
// content.
std::vector<text::Conversation> parse_conversations(
    const std::string& bytes, const std::string& file,
    const std::function<bool(const std::string&)>& is_variable);

// The local time, which a template may name.
std::tm local_now();

// The first key among a template's variables that only the conversation or the program may give;
// null if there is none.
const char* reserved_variable(const nlohmann::ordered_json& variables);

}  // namespace strata::app
