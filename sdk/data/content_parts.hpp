// Contents of messages that are lists of parts.
#pragma once
#include <ctime>

#include "text/chat_template.hpp"

namespace strata::data {

// Whether the content of a message is a list.
bool has_parts(const text::Conversation& conversation);

// The conversation with the texts of such a list joined where the template takes texts, and would
// print the list as Python does. Throws Error "message N: ..." for images and sounds, and for other
// parts that no text stands for.
text::Conversation with_joined_parts(const text::ChatTemplate& chat,
                                     const text::Conversation& conversation, const std::tm& now);

}  // namespace strata::data
