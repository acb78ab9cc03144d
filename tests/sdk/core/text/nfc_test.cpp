#include "core/text/nfc.hpp"

#include <catch2/catch.hpp>

using namespace strata::text;

// From the Unicode standard, annex 15, and its NormalizationTest.txt.
TEST_CASE("text is brought into form C", "[text][nfc]") {
  REQUIRE(nfc("plain \u00e9") == "plain \u00e9");
  REQUIRE(nfc("e\u0301") == "\u00e9");
  REQUIRE(nfc("\u212b") == "\u00c5");
  REQUIRE(nfc("D\u0307\u0323") == "\u1e0c\u0307");
  REQUIRE(nfc("\u1100\u1161\u11a8") == "\uac01");
  REQUIRE(nfc("\ufb01") == "\ufb01");
  REQUIRE(nfc("\u0958") == "\u0915\u093c");
  REQUIRE(nfc(std::string("\0e\u0301", 4)) == std::string("\0\u00e9", 3));
}

TEST_CASE("a long run of marks is put in order", "[text][nfc]") {
  std::string text = "a";
  std::string ordered = "\u1ea1";  // takes the first dot below
  constexpr int pairs = 200'000;
  for (int i = 0; i < pairs; ++i) text += "\u0301\u0323";
  for (int i = 1; i < pairs; ++i) ordered += "\u0323";
  for (int i = 0; i < pairs; ++i) ordered += "\u0301";
  REQUIRE((nfc(text) == ordered));
}
