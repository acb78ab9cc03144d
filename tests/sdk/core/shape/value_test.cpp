#include "core/shape/value.hpp"

#include <catch2/catch.hpp>

using namespace strata::shape;

TEST_CASE("lengths whose product does not fit are refused", "[shape]") {
  REQUIRE_THROWS((Dims{int64_t{1} << 40, int64_t{1} << 40}.elements()));
  REQUIRE_THROWS((Dims{-1, 2}.elements()));
}
