#include "text/byte_level.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace strata::text;

TEST_CASE("every byte has a spelling of its own that means it again", "[text][byte_level]") {
  std::set<std::string> seen;
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    REQUIRE(seen.insert(spell(byte)).second);
    REQUIRE(unspell(spell(byte)) == byte);
  }
  REQUIRE(spell(" a\n") == "\u0120a\u010a");
}

TEST_CASE("a character outside the alphabet has no bytes", "[text][byte_level]") {
  REQUIRE(!unspell("a b"));
  REQUIRE(!unspell("\u65e5"));
  REQUIRE(!unspell("\u0144"));
  REQUIRE(!unspell("\u00ad"));
}
