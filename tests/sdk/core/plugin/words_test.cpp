#include "core/plugin/words.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "core/error.hpp"

using namespace strata;
using namespace strata::plugin;

TEST_CASE("words are taken once, by the thread that kept them", "[plugin][words]") {
  REQUIRE(keep_words(STRATA_EXHAUSTED, "disk: full\n") == STRATA_EXHAUSTED);
  std::string elsewhere = "untouched";
  std::thread([&] { elsewhere = take_words(); }).join();
  REQUIRE(elsewhere.empty());
  REQUIRE(take_words() == "disk: full\\x0a");
  REQUIRE(take_words().empty());
}

TEST_CASE("an exception becomes a status and its words", "[plugin][words]") {
  try {
    throw Error("a.json", "no such key", "add it");
  } catch (...) {
    REQUIRE(report_exception() == STRATA_INVALID);
  }
  REQUIRE(take_words() == "a.json: no such key: add it");
  try {
    throw 7;
  } catch (...) {
    REQUIRE(report_exception() == STRATA_INTERNAL);
  }
  REQUIRE(take_words() == "an exception of an unknown type");
}
