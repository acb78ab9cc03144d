#include "core/error.hpp"

#include <catch2/catch.hpp>

using namespace strata;

TEST_CASE("an error is one line, whatever bytes it names", "[error]") {
  const Error error("a.gguf", "tensor 'x\ny\xff'", "make it again");
  REQUIRE(std::string(error.what()) == "a.gguf: tensor 'x\\x0ay\\xff': make it again");
  REQUIRE(error.status() == Exit::failed);
}

TEST_CASE("a line has at most 300 bytes, and keeps a path's end and the remedy", "[error]") {
  const std::string remedy = "fetch all parts of one model into one folder";
  for (const std::size_t who : {0, 10, 99, 300, 4096, 9000})
    for (const std::size_t what : {3, 80, 250, 300, 5000})
      for (const auto& letter : {std::string("x"), std::string("\xc3\xa4"), std::string("\xff")}) {
        const auto many = [&](std::size_t count) {
          std::string out;
          while (out.size() < count) out += letter;
          return out;
        };
        const std::string words =
            Error(many(who) + "/a.gguf", "tensor " + many(what), remedy).what();
        CAPTURE(who, what, letter, words);
        CHECK(words.size() + std::string("error: ").size() <= 300);
        CHECK_THAT(words, Catch::Contains("/a.gguf: tensor "));
        CHECK_THAT(words, Catch::EndsWith(": " + remedy));
        CHECK(printable(words, 1000) == words);
      }
  CHECK(std::string(Error("a", "b", std::string(1000, 'r')).what()).size() <= 293);
}

TEST_CASE("options are refused with status 2", "[error]") {
  REQUIRE(UsageError("--threads", "0", "at least 1").status() == Exit::usage);
}
