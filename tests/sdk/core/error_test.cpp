#include "core/error.hpp"

#include <catch2/catch.hpp>

using namespace strata;

TEST_CASE("an error is one line, whatever bytes it names", "[error]") {
  const Error error("a.gguf", "tensor 'x\ny\xff'", "make it again");
  REQUIRE(std::string(error.what()) == "a.gguf: tensor 'x\\x0ay\\xff': make it again");
  REQUIRE(error.status() == Exit::failed);
}

TEST_CASE("options are refused with status 2", "[error]") {
  REQUIRE(UsageError("--threads", "0", "at least 1").status() == Exit::usage);
}
