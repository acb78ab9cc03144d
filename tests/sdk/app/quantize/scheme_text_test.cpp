#include "app/quantize/scheme_text.hpp"

#include <catch2/catch.hpp>

using namespace strata;

TEST_CASE("a scheme's text carries its options and gives them back", "[app][quantize]") {
  const auto text = app::scheme_text({.name = "int4", .group_size = 128, .symmetric = false});
  CHECK(text == R"(int4 {"group_size":128,"symmetric":false})");
  const auto read = app::read_scheme(text);
  CHECK(read.key == "int4");
  CHECK(read.scheme == "int4");
  CHECK(read.options == Json{{"group_size", 128}, {"symmetric", false}});
}

TEST_CASE("a scheme without options is its own text", "[app][quantize]") {
  CHECK(app::scheme_text({.name = "Q8_0"}) == "Q8_0");
  const auto read = app::read_scheme("mine 4 128");
  CHECK(read.key == "mine");
  CHECK(read.scheme == "mine 4 128");
  CHECK(read.options.is_null());
}

TEST_CASE("options that are no JSON are refused", "[app][quantize]") {
  CHECK_THROWS_WITH(app::read_scheme("int4 {x"), Catch::Contains("scheme int4: not JSON"));
}
