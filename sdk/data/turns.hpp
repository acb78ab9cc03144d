// The turns of an assistant in a conversation: the characters of the template's text that it would
// have made itself.
#pragma once
#include <ctime>
#include <string>
#include <vector>

#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace strata::data {

// From the first character behind the generation prompt, as inference renders it, through the token
// that ends the turn. White space that the template puts behind that token is no part of it, unless
// the template's own `generation` block holds it too.
struct Turn {
  std::size_t message;
  std::size_t begin, end;  // bytes of the text
};

struct Turns {
  std::string text;         // the whole conversation, without a generation prompt
  std::vector<Turn> turns;  // in the order of the text, one for each wanted message
};

// How a model ends a turn.
struct TurnEnds {
  const text::Tokenizer& tokenizer;
  // The ids that end a text at inference; they are searched for where the template puts the end of
  // a turn at the beginning of the next one.
  const std::vector<int32_t>& ids;
};

// [Note: turns] No mark of the template is needed. The generation prompt before message i is the
// rendering of the messages before it as inference renders them, so the turn begins where the whole
// text leaves it. The turn ends where the rendering of the messages through i ends; where a
// template renders its last message otherwise (a block of thoughts), the longest end of that
// rendering counts that the whole text has there. Where neither fits, the template's own
// `generation` blocks count, and where it has none, the conversation is refused. They count first
// where the template has no generation prompt.

// Renders a conversation and finds the turns of the messages `wanted`, indices in ascending order
// whose role is "assistant". Throws Error where the template refuses the conversation, where a turn
// cannot be found, where a turn that is not the last lacks the token that ends it, and where a
// user's or an assistant's content or tool calls do not stand in the text.
Turns find_turns(const text::ChatTemplate& chat, const text::Conversation& conversation,
                 const std::vector<std::size_t>& wanted, const TurnEnds& ends, const std::tm& now);

}  // namespace strata::data
