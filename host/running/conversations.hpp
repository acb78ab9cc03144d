// Conversations out of a file, as --chat-file gives them.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/chat_template.hpp"

namespace strata::host {

// The file's JSON: a list of messages, {"messages": [...]} with or without "tools" and "documents",
// or a list of these, each a conversation. Messages are objects with a "role"; what else is in them
// the template reads. Throws Error with `file` and the place for what is none of it.
std::vector<text::Conversation> parse_conversations(const std::string& bytes,
                                                    const std::string& file);

}  // namespace strata::host
