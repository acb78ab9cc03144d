// Rows of data before they are tokenized, in the shapes that files have.
#pragma once
#include <string>
#include <vector>

#include "core/json.hpp"
#include "text/chat_template.hpp"

namespace strata::data {

struct Row {
  enum class Kind {
    text,        // completion alone
    completion,  // prompt, then completion
    messages     // conversation
  };
  Kind kind = Kind::text;
  std::string prompt, completion;
  text::Conversation conversation;
  std::size_t prompt_messages = 0;  // those before the completion's
  std::vector<float> weights;       // by message; 0: not scored
};

// Reads a row, whose keys with null count as absent and whose other keys are ignored:
//   {"messages": [...]} with "tools", "documents" and "chat_template_kwargs", where a message may
//     have a "weight"; {"conversations": [{"from", "value"}]} with "system" alike
//   {"prompt", "completion"}, both texts or both lists of messages
//   {"instruction", "input", "output"}, in alpaca's template; "input" may be absent
//   {"text"}
// The first of these counts. Lists may also be texts that hold their JSON, as in CSV. Throws Error
// beginning with `place`, which names the keys of a row that has another shape.
Row row_of(OrderedJson&& value, const std::string& place);

// One answer that people chose and one that they rejected, to the same prompt.
struct PairRow {
  Row chosen, rejected;
};
// Reads {"prompt", "chosen", "rejected"}, all texts or all lists of messages; throws alike.
PairRow pair_of(OrderedJson&& value, const std::string& place);

// The prompt that alpaca's template makes; a blank input has no section.
std::string alpaca_prompt(const std::string& instruction, const std::string& input);

}  // namespace strata::data
