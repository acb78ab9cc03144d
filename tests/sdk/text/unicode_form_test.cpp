#include "text/unicode_form.hpp"

#include <catch2/catch.hpp>

using namespace strata::text;

// From the Unicode standard, annex 15, and its NormalizationTest.txt.
TEST_CASE("text is brought into form C", "[text][unicode_form]") {
  REQUIRE(in_form("plain \u00e9", Form::nfc) == "plain \u00e9");
  REQUIRE(in_form("e\u0301", Form::nfc) == "\u00e9");
  REQUIRE(in_form("\u212b", Form::nfc) == "\u00c5");
  REQUIRE(in_form("D\u0307\u0323", Form::nfc) == "\u1e0c\u0307");
  REQUIRE(in_form("\u1100\u1161\u11a8", Form::nfc) == "\uac01");
  REQUIRE(in_form("\ufb01", Form::nfc) == "\ufb01");
  REQUIRE(in_form("\u0958", Form::nfc) == "\u0915\u093c");
  REQUIRE(in_form(std::string("\0e\u0301", 4), Form::nfc) == std::string("\0\u00e9", 3));
}

TEST_CASE("a long run of marks is put in order", "[text][unicode_form]") {
  std::string text = "a";
  std::string ordered = "\u1ea1";  // takes the first dot below
  constexpr int pairs = 200'000;
  for (int i = 0; i < pairs; ++i) text += "\u0301\u0323";
  for (int i = 1; i < pairs; ++i) ordered += "\u0323";
  for (int i = 0; i < pairs; ++i) ordered += "\u0301";
  REQUIRE((in_form(text, Form::nfc) == ordered));
}

TEST_CASE("each form decomposes and composes as its name says", "[text][unicode_form]") {
  REQUIRE(in_form("\u1e0b\u0323\ufb01", Form::nfd) == "d\u0323\u0307\ufb01");
  REQUIRE(in_form("\u1e0b\u0323\ufb01", Form::nfkd) == "d\u0323\u0307fi");
  REQUIRE(in_form("\u1e0b\u0323\ufb01", Form::nfkc) == "\u1e0d\u0307fi");
}
