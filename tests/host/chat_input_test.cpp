#include <catch2/catch.hpp>

#include "host/chat/input.hpp"

using namespace strata::chat;

namespace {

void check(const char* line, Verb verb, const char* text) {
  CAPTURE(line);
  const auto input = parse_input(line);
  CHECK(input.verb == verb);
  CHECK(input.text == text);
}

}  // namespace

TEST_CASE("a line of a conversation is a message or a command", "[host][chat]") {
  check("hello", Verb::message, "hello");
  check("", Verb::message, "");
  check(" /help", Verb::message, " /help");
  check("//etc/passwd", Verb::message, "/etc/passwd");
  check("/help", Verb::help, "");
  check("/system  be brief ", Verb::system, "be brief");
  check("/save\ta b.json", Verb::save, "a b.json");
  check("/retry", Verb::regenerate, "");
  check("/exit", Verb::quit, "");
  check("/helpme now", Verb::unknown, "/helpme");
  check("/", Verb::unknown, "/");
}

TEST_CASE("the help of a conversation names each command", "[host][chat]") {
  for (const auto* word :
       {"/help", "/reset", "/system", "/regenerate", "/save", "/load", "/quit", "Ctrl-C"})
    CHECK_THAT(input_help(), Catch::Contains(word));
}
