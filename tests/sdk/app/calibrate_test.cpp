#include "app/calibrate.hpp"

#include <array>
#include <catch2/catch.hpp>

namespace strata::app {

TEST_CASE("the importance of columns is their share of all squares", "[app][quantize]") {
  run::InputSquares squares;
  squares.add("a", std::array{1.0f, 0.0f, 3.0f, 4.0f});
  squares.add("a", std::array{1.0f, 2.0f, 1.0f, 4.0f});
  squares.add("b", std::array{7.0f});
  CHECK(importance_of(squares, "a") == std::vector{0.5f, 0.5f, 1.0f, 2.0f});
  CHECK(importance_of(squares, "b") == std::vector{1.0f});
}

TEST_CASE("columns that nothing was multiplied with have no importance", "[app][quantize]") {
  run::InputSquares squares;
  squares.add("zeros", std::array{0.0f, 0.0f});
  CHECK(importance_of(squares, "zeros").empty());
  CHECK(importance_of(squares, "never").empty());
}

}  // namespace strata::app
