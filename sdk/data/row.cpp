#include "data/row.hpp"

#include "core/error.hpp"
#include "data/messages.hpp"

namespace strata::data {
namespace {

constexpr auto shapes =
    "write {\"text\"}, {\"prompt\", \"completion\"}, {\"instruction\", \"input\", \"output\"} or "
    "{\"messages\"}";

// A row's keys whose values are not null.
class Columns {
 public:
  Columns(OrderedJson& value, const std::string& place) : value_(value), place_(place) {
    if (!value_.is_object()) throw Error(place_, "a row is no JSON object", shapes);
  }

  OrderedJson* find(const char* key) const {
    const auto found = value_.find(key);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }
  bool has(const char* key) const { return find(key) != nullptr; }

  std::string text(const char* key) const {
    if (!find(key)->is_string())
      throw Error(place_, "'" + std::string(key) + "' is no text", "make it a text");
    return std::move(find(key)->get_ref<std::string&>());
  }

  [[noreturn]] void refuse(const char* remedy) const {
    std::string keys;
    for (const auto& [key, value] : value_.items())
      if (!value.is_null()) keys += (keys.empty() ? "" : ", ") + printable(key, 60);
    throw Error(place_, "no known row has the keys " + (keys.empty() ? "of {}" : keys), remedy);
  }

  const std::string& place() const { return place_; }

 private:
  OrderedJson& value_;
  const std::string& place_;
};

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// The parts of a conversation beside its messages.
void set_conversation(const Columns& columns, Messages messages, Row& row) {
  row.kind = Row::Kind::messages;
  row.conversation.messages = std::move(messages.list);
  row.weights = std::move(messages.weights);
  const auto& place = columns.place();
  if (const auto* tools = columns.find("tools"))
    row.conversation.tools = listed(*tools, "tools", place);
  if (const auto* documents = columns.find("documents"))
    row.conversation.documents = listed(*documents, "documents", place);
  if (const auto* variables = columns.find("chat_template_kwargs")) {
    check_variables(*variables, place);
    row.conversation.variables = *variables;
  }
}

// A prompt with what follows it, which stands at `key`.
Row answered(const Columns& columns, const OrderedJson& prompt, const char* key) {
  Row row;
  auto& answer = *columns.find(key);
  if (prompt.is_string() && answer.is_string()) {
    row.kind = Row::Kind::completion;
    row.prompt = prompt;
    row.completion = columns.text(key);
    return row;
  }
  if (!prompt.is_array() || !answer.is_array())
    throw Error(columns.place(), "'prompt' and '" + std::string(key) + "' are not both texts",
                "make both texts, or both lists of messages");
  auto all = prompt;
  for (auto& message : answer) all.push_back(std::move(message));
  set_conversation(columns, messages_of(std::move(all), columns.place()), row);
  row.prompt_messages = prompt.size();
  return row;
}

}  // namespace

std::string alpaca_prompt(const std::string& instruction, const std::string& input) {
  auto prompt = "### Instruction:\n" + instruction + "\n\n";
  if (!is_blank(input)) prompt += "### Input:\n" + input + "\n\n";
  return prompt + "### Response:\n";
}

Row row_of(OrderedJson&& value, const std::string& place) {
  const Columns columns(value, place);
  Row row;
  if (const auto* messages = columns.find("messages")) {
    set_conversation(columns, messages_of(listed(*messages, "messages", place), place), row);
  } else if (const auto* conversations = columns.find("conversations")) {
    const auto* system = columns.find("system");
    set_conversation(columns,
                     turned_messages(listed(*conversations, "conversations", place),
                                     system ? columns.text("system") : std::string(), place),
                     row);
  } else if (columns.has("prompt") && columns.has("completion")) {
    return answered(columns, *columns.find("prompt"), "completion");
  } else if (columns.has("instruction") && columns.has("output")) {
    row.kind = Row::Kind::completion;
    row.prompt = alpaca_prompt(columns.text("instruction"),
                               columns.has("input") ? columns.text("input") : std::string());
    row.completion = columns.text("output");
  } else if (columns.has("text")) {
    row.completion = columns.text("text");
  } else if (columns.has("chosen") && columns.has("rejected")) {
    columns.refuse("train on pairs with --critic");
  } else {
    columns.refuse(shapes);
  }
  return row;
}

PairRow pair_of(OrderedJson&& value, const std::string& place) {
  const Columns columns(value, place);
  if (!columns.has("prompt") || !columns.has("chosen") || !columns.has("rejected"))
    columns.refuse("write {\"prompt\", \"chosen\", \"rejected\"}");
  const auto prompt = *columns.find("prompt");
  auto chosen = answered(columns, prompt, "chosen");
  return {std::move(chosen), answered(columns, prompt, "rejected")};
}

}  // namespace strata::data
