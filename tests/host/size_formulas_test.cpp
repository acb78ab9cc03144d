#include "host/commands/size_formulas.hpp"

#include <catch2/catch.hpp>

using namespace strata::host;

namespace {
constexpr double gib = 1024.0 * 1024 * 1024;
}

TEST_CASE("the formulas give the published sizes", "[host][sizes]") {
  const auto near = [](double value) { return Approx(value).margin(0.06); };
  CHECK(formula_model_bytes(64, 9216, 50272) / gib == near(122.4));
  CHECK(formula_model_bytes(70, 14336, 250880) / gib == near(328.3));
  CHECK(formula_model_bytes(80, 8192, 32000) / gib == near(120.5));
  CHECK(formula_model_bytes(32, 4096, 32000) / gib == near(12.2));
  CHECK(formula_cache_bytes(96, 544, 80, 8192) / gib == near(127.5));
  CHECK(formula_hidden_bytes(96, 544, 8192) == 96.0 * 544 * 8192 * 2);
}
