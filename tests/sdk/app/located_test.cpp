#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "hub/cache.hpp"

TEST_CASE("an empty name of a model is refused as a wrong call", "[hub]") {
  CHECK_THROWS_AS(strata::hub::located("", "main"), strata::UsageError);
  CHECK_THROWS_WITH(strata::hub::located("", "main"),
                    Catch::StartsWith("MODEL: its name is empty: give a Hugging Face folder"));
}
