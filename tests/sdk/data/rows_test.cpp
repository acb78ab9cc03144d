#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "data/preview.hpp"
#include "data/row.hpp"
#include "made.hpp"

using namespace strata;
using namespace strata::data;
using Catch::Contains;

namespace {

Row read(const std::string& json) { return row_of(parse_ordered_json(json, "row"), "f:7"); }

}  // namespace

TEST_CASE("the shape of a row is found among its keys", "[data]") {
  REQUIRE(read(R"({"text": "a", "prompt": null, "id": 3})").completion == "a");
  const auto pair = read(R"({"prompt": "a", "completion": "b", "text": "c"})");
  REQUIRE((pair.prompt == "a" && pair.completion == "b"));
  const auto alpaca = read(R"({"instruction": "a", "input": "b", "output": "c", "text": "d"})");
  REQUIRE(alpaca.prompt == "### Instruction:\na\n\n### Input:\nb\n\n### Response:\n");
  REQUIRE(alpaca.completion == "c");
  REQUIRE(read(R"({"instruction": "a", "input": " ", "output": "c"})").prompt ==
          "### Instruction:\na\n\n### Response:\n");
  const auto chat = read(R"({"messages": "[{\"role\": \"user\", \"content\": \"x\"}]",
                             "tools": [{"name": "t"}], "chat_template_kwargs": {"v": 1}})");
  REQUIRE(chat.kind == Row::Kind::messages);
  REQUIRE(chat.conversation.tools.dump() == R"([{"name":"t"}])");
  REQUIRE(chat.conversation.variables.dump() == R"({"v":1})");
  const auto turns = read(R"({"system": "s", "conversations": [{"from": "human", "value": "a"},
                              {"from": "gpt", "value": "b", "weight": 0}]})");
  REQUIRE(turns.conversation.messages.dump() ==
          R"([{"role":"system","content":"s"},{"role":"user","content":"a"},)"
          R"({"role":"assistant","content":"b"}])");
  REQUIRE(turns.weights == std::vector<float>{1, 1, 0});
}

TEST_CASE("a row of no known shape is refused with its keys and its line", "[data]") {
  REQUIRE_THROWS_WITH(
      read(R"({"question": "a", "answer": "b", "text": null})"),
      Contains("f:7: no known row has the keys question, answer: write {\"text\"}"));
  REQUIRE_THROWS_WITH(read("[1]"), Contains("f:7: a row is no JSON object"));
  REQUIRE_THROWS_WITH(read(R"({"text": 3})"), Contains("f:7: 'text' is no text"));
  REQUIRE_THROWS_WITH(read(R"({"prompt": "a", "completion": []})"), Contains("not both texts"));
  REQUIRE_THROWS_WITH(read(R"({"prompt": "a", "chosen": "b", "rejected": "c"})"),
                      Contains("--critic"));
  REQUIRE_THROWS_WITH(read(R"({"messages": []})"), Contains("f:7: the list of messages is empty"));
  REQUIRE_THROWS_WITH(read(R"({"messages": "x"})"), Contains("f:7: messages: not JSON"));
  REQUIRE_THROWS_WITH(read(R"({"messages": [{"content": "x"}]})"), Contains("has no role"));
  REQUIRE_THROWS_WITH(read(R"({"messages": [{"role": "user", "weight": -1}]})"),
                      Contains("message 0 has a weight"));
  REQUIRE_THROWS_WITH(read(R"({"messages": [{"role": "user"}],
                               "chat_template_kwargs": {"messages": 1}})"),
                      Contains("'chat_template_kwargs' sets 'messages'"));
  REQUIRE_THROWS_WITH(read(R"({"conversations": [{"from": "bird", "value": ""}]})"),
                      Contains("turn 0 is from 'bird'"));
}

TEST_CASE("a pair has one prompt and two answers", "[data]") {
  auto json = parse_ordered_json(
      R"({"prompt": [{"role": "user", "content": "q"}],
          "chosen": [{"role": "assistant", "content": "a"}],
          "rejected": [{"role": "assistant", "content": "b"}]})",
      "row");
  const auto pair = pair_of(std::move(json), "f:1");
  REQUIRE(pair.chosen.conversation.messages[0] == pair.rejected.conversation.messages[0]);
  REQUIRE(pair.chosen.conversation.messages[1]["content"] == "a");
  REQUIRE(pair.rejected.conversation.messages[1]["content"] == "b");
  REQUIRE(pair.chosen.prompt_messages == 1);
  auto short_of = parse_ordered_json(R"({"prompt": "a", "chosen": "b"})", "row");
  REQUIRE_THROWS_WITH(pair_of(std::move(short_of), "f:1"), Contains("the keys prompt, chosen"));
}

TEST_CASE("a text is scored whole, an answer alone, and each row ends with one eos", "[data]") {
  REQUIRE(marked(R"({"text": "abc"})") == "a[bc</s>]");
  REQUIRE(marked(R"({"text": "abc</s>"})") == "a[bc</s>]");
  REQUIRE(marked(R"({"prompt": "ab", "completion": "cd"})") == "ab[cd</s>]");
  REQUIRE(marked(R"({"prompt": "", "completion": "cd"})") == "c[d</s>]");
  REQUIRE(marked(R"({"prompt": "ab", "completion": ""})") == "ab[</s>]");
  auto options = plain_options();
  options.loss_on = LossOn::all;
  REQUIRE(marked(R"({"prompt": "ab", "completion": "cd"})", options) == "a[bcd</s>]");
  options.loss_on = LossOn::completion;
  REQUIRE(marked(R"({"text": "abc"})", options) == "abc</s>");
  options.eos.reset();
  REQUIRE(marked(R"({"prompt": "ab", "completion": "cd"})", options) == "ab[cd]");
}

TEST_CASE("rows are cut at max_length", "[data]") {
  auto options = plain_options();
  options.max_length = 4;
  REQUIRE(marked(R"({"prompt": "ab", "completion": "cde"})", options) == "ab[cd]");
  REQUIRE(marked(R"({"prompt": "abcd", "completion": "cde"})", options) == "abcd");
  REQUIRE(marked(R"({"text": "abc"})", options) == "a[bc</s>]");
}

TEST_CASE("with score_padding all of a row and its pads are scored", "[data]") {
  auto options = plain_options();
  options.score_padding = true;
  options.max_length = 6;
  const auto opened = template_of(chatml);
  const RowEncoder encoder(
      bytes_tokenizer(), [&]() -> const text::ChatTemplate& { return opened; }, options);
  const auto made = encoder.encode(read(R"({"prompt": "ab", "completion": "c"})"));
  REQUIRE(made.row.pads == 2);
  REQUIRE(made.row.scored.size() == 2);
  REQUIRE(made.row.scored[0].begin == 1);
  REQUIRE(made.row.scored[1].end == 6);
  options.loss_on = LossOn::completion;
  REQUIRE_THROWS_AS(RowEncoder(bytes_tokenizer(), {}, options), UsageError);
}

TEST_CASE("a long row is shown with what is scored, and without the middle of the rest", "[data]") {
  const auto shown = [](TokenRow row, std::size_t most) {
    TokenRows rows;
    rows.pad = id_of("</s>");
    rows.add(row);
    std::string out;
    for (const auto& piece : preview(rows, 0, bytes_tokenizer(), most))
      out += piece.weight > 0 ? "[" + piece.text + "]" : piece.text;
    return out;
  };
  const auto ids_of = [](const std::string& text) { return bytes_tokenizer().encode(text, false); };
  TokenRow row{ids_of(std::string(300, 'p') + "yes" + "</s>"), {{300, 304, 1}}, 0};
  CHECK(shown(row, 64) == "pppppppp…pppppppp[yes</s>]");
  CHECK(shown(row, 304) == std::string(300, 'p') + "[yes</s>]");
  row.pads = 3;
  CHECK(shown(row, 64) == "pppppppp…pppppppp[yes</s>]</s>");
  // Where all is scored, the middle of that.
  CHECK(shown({ids_of(std::string(100, 'a') + "</s>"), {{1, 101, 1}}, 0}, 32) == "a[aaaa…aaa</s>]");
  // The turns at both ends stay of many.
  TokenRow talk;
  std::string text;
  for (char c = 'a'; c < 'u'; ++c) {
    text += std::string(5, c) + "<end>";
    const auto at = static_cast<std::uint32_t>(6 * (c - 'a'));
    talk.scored.push_back({at + 5, at + 6, 1});
  }
  talk.ids = ids_of(text);
  CHECK(shown(talk, 16) == "aa…aa[<end>]bb…bb…[<end>]tt…tt[<end>]");
}
