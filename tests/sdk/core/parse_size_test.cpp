#include "core/parse_size.hpp"

#include <catch2/catch.hpp>

using strata::parse_size;

TEST_CASE("a size is the exact number of bytes that it names", "[host][cli]") {
  CHECK(parse_size("0") == 0U);
  CHECK(parse_size("512MiB") == 536870912U);
  CHECK(parse_size("24GiB") == 25769803776U);
  CHECK(parse_size("24GB") == 24000000000U);
  CHECK(parse_size("1e9") == 1000000000U);
  CHECK(parse_size("1.5GiB") == 1610612736U);
  CHECK(parse_size("2.5e3") == 2500U);
  CHECK(parse_size("1.0000") == 1U);
  CHECK(parse_size("18446744073709551615") == 18446744073709551615U);
  CHECK(parse_size("0.001kB") == 1U);
}

TEST_CASE("what is no whole number of bytes in 64 bits is no size", "[host][cli]") {
  const auto* text = GENERATE("", "GiB", "-1", "+1", " 1", "1 ", "1.5", "0.3KiB", "1e-3", "24G",
                              "24gib", "1e20", "1e99999999999999999999", "18446744073709551616",
                              "17179869184GiB", "1.", ".5GiB", "0x10", "1e", "nan", "1,000");
  CAPTURE(text);
  CHECK_FALSE(parse_size(text).has_value());
}
