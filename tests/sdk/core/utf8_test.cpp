#include "core/utf8.hpp"

#include <catch2/catch.hpp>

using namespace strata;

namespace {

std::string lossy(std::string_view bytes, std::size_t at_once) {
  LossyUtf8 stream;
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += at_once)
    stream.add(bytes.substr(at, at_once), out);
  stream.finish(out);
  return out;
}

}  // namespace

TEST_CASE("the first byte that is not UTF-8 is found", "[text][utf8]") {
  REQUIRE(!invalid_utf8("a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"));
  REQUIRE(invalid_utf8("ab\xff") == 2u);
  REQUIRE(invalid_utf8("a\xc3") == 1u);
  REQUIRE(invalid_utf8("\xc0\x80") == 0u);          // overlong
  REQUIRE(invalid_utf8("\xed\xa0\x80") == 0u);      // a surrogate
  REQUIRE(invalid_utf8("\xf4\x90\x80\x80") == 0u);  // past U+10FFFF
}

TEST_CASE("code points survive being written and read", "[text][utf8]") {
  for (const char32_t c : {0x0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xffffu, 0x10000u, 0x10ffffu}) {
    std::string bytes;
    append_utf8(c, bytes);
    REQUIRE(!invalid_utf8(bytes));
    REQUIRE(code_point(bytes) == c);
  }
}

// The examples are those of the Unicode standard, section 3.9, table 3-8.
TEST_CASE("each maximal subpart of broken UTF-8 is one U+FFFD", "[text][utf8]") {
  const std::string bad = "\xef\xbf\xbd";
  for (const std::size_t at_once : {1, 2, 3, 100}) {
    REQUIRE(lossy("a\xf1\x80\x80\xe1\x80\xc2"
                  "b\x80"
                  "c\x80\xbf"
                  "d",
                  at_once) == "a" + bad + bad + bad + "b" + bad + "c" + bad + bad + "d");
    REQUIRE(lossy("\xe2\x82", at_once) == bad);
    REQUIRE(lossy("\xe2\x82\xac", at_once) == "\xe2\x82\xac");
  }
}
