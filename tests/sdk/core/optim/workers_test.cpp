#include "core/optim/workers.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <stdexcept>

using strata::optim::Workers;

TEST_CASE("every range is taken once, by any number of threads", "[optim]") {
  for (const uint32_t threads : {1, 2, 7}) {
    Workers workers(threads);
    REQUIRE(workers.threads() == threads);
    for (const uint64_t count : {0, 1, 5, 64, 1001})
      for (const uint64_t grain : {1, 3, 64, 2000}) {
        std::vector<int> taken(count, 0);
        std::atomic<uint64_t> ranges{0};
        workers.run(count, grain, [&](uint64_t first, uint64_t some) {
          if (first % grain != 0 || (some != grain && first + some != count))
            throw std::logic_error("a range of another place");
          for (uint64_t at = first; at < first + some; ++at) ++taken[at];
          ++ranges;
        });
        REQUIRE(ranges == (count + grain - 1) / grain);
        REQUIRE(taken == std::vector<int>(count, 1));
      }
  }
}

TEST_CASE("runs follow each other, each with what the one before wrote", "[optim]") {
  Workers workers(4);
  std::vector<uint64_t> values(97, 0);
  for (uint64_t round = 0; round < 500; ++round)
    workers.run(values.size(), 10, [&](uint64_t first, uint64_t some) {
      for (uint64_t at = first; at < first + some; ++at) values[at] = values[96 - at] * 0 + round;
    });
  REQUIRE(values == std::vector<uint64_t>(97, 499));
}

TEST_CASE("a failure of a range is thrown to the caller, and the threads live on", "[optim]") {
  Workers workers(3);
  for (int round = 0; round < 50; ++round) {
    REQUIRE_THROWS_WITH(workers.run(100, 1,
                                    [](uint64_t first, uint64_t) {
                                      if (first == 40) throw std::runtime_error("range 40");
                                    }),
                        "range 40");
    std::atomic<uint64_t> sum{0};
    workers.run(100, 1, [&](uint64_t first, uint64_t) { sum += first; });
    REQUIRE(sum == 4950);
  }
}
