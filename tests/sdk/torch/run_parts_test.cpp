#include "torch/run_parts.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>

TEST_CASE("each part runs once", "[torch]") {
  std::array<std::atomic<int>, 5> ran{};
  strata::torch::run_parts(5, [&](int part) { ++ran.at(static_cast<std::size_t>(part)); });
  for (const auto& count : ran) CHECK(count == 1);
}

TEST_CASE("a part's exception arrives after all parts are done", "[torch]") {
  std::atomic<int> done{0};
  CHECK_THROWS_WITH(strata::torch::run_parts(4,
                                             [&](int part) {
                                               ++done;
                                               if (part == 1) throw std::runtime_error("mine");
                                             }),
                    "mine");
  CHECK(done == 4);
}
