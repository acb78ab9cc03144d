#include "app/conversations.hpp"

#include <catch2/catch.hpp>

using strata::app::parse_conversations;

namespace {

auto parsed(const std::string& bytes) {
  return parse_conversations(bytes, "talk", [](const std::string&) { return false; });
}

}  // namespace

TEST_CASE("a file is one conversation, or a list of them", "[app][conversations]") {
  const auto* a = R"([{"role": "user"}])";
  const auto* b = R"({"messages": [{"role": "user"}], "tools": []})";
  CHECK(parsed(a).size() == 1);
  CHECK(parsed(b).size() == 1);
  const auto both = parsed(std::string("[") + b + "," + a + "]");
  REQUIRE(both.size() == 2);
  CHECK(both[0].tools.is_array());
  CHECK(both[1].messages.size() == 1);
}

TEST_CASE("what is no conversation is refused by its place and fault", "[app][conversations]") {
  const auto [bytes, words] = GENERATE(table<std::string, std::string>({
      {"3", "talk: no list of messages: "},
      {"[]", "talk: the list of messages is empty: "},
      {"[3]", "talk: message 0 is no object: "},
      {R"([{"content": "a"}])", "talk: message 0 has no role: "},
      {R"([{"role": "user"}, {"content": "a"}])", "talk: message 1 has no role: "},
      {R"([{"role": 1}])", "talk: message 0 has a role that is no text: "},
      {R"({"messages": []})", "talk: the list of messages is empty: "},
      {"[[], []]", "talk: conversation 0: the list of messages is empty: "},
      {R"([[{"role": "user"}], 3])", "talk: conversation 1: no list of messages: "},
      {R"([[{"role": "user"}], [{}]])", "talk: conversation 1: message 0 has no role: "},
  }));
  CHECK_THROWS_WITH(parsed(bytes), Catch::StartsWith(words));
}
