#include "core/zero/expert_cache.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace strata::zero;

namespace {

// Runs a layer as a device would, and keeps what every slot holds.
struct Driver {
  ExpertCache cache;
  std::map<uint32_t, uint32_t> holds;  // slot -> expert
  uint64_t fetched = 0, most_ahead = 0;

  void run(uint32_t layer, const std::vector<uint32_t>& experts) {
    cache.need(layer, experts);
    for (const auto expert : experts) {
      uint64_t ahead = 0;
      while (const auto fetch = cache.next_fetch()) {
        holds[fetch->slot] = fetch->expert;
        ++fetched, ++ahead;
      }
      most_ahead = std::max(most_ahead, ahead);
      REQUIRE(holds[cache.take()] == expert);
      cache.used();
    }
  }
};

std::vector<uint32_t> some_of(std::mt19937& random, uint32_t layer, uint32_t experts) {
  std::vector<uint32_t> out;
  for (uint32_t e = 0; e < experts; ++e)
    if (random() % 3 == 0) out.push_back(layer * experts + e);
  return out;
}

}  // namespace

TEST_CASE("an expert is in its slot when it is taken, and what was missing was fetched",
          "[zero][experts]") {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    const uint32_t layers = 1 + below(5), experts = 1 + below(9),
                   slots = 1 + below(layers * experts);
    Driver driver{{slots, layers * experts, layers}, {}};
    for (int pass = 0; pass < 20; ++pass)
      for (uint32_t layer = 0; layer < layers; ++layer)
        driver.run(layer, some_of(random, layer, experts));
    INFO("seed " << seed);
    REQUIRE(driver.holds.size() <= slots);
    REQUIRE(driver.fetched == driver.cache.needed() - driver.cache.hits());
    if (slots == layers * experts) REQUIRE(driver.fetched <= slots);
  }
}

TEST_CASE("as many experts are fetched at once as have slots", "[zero][experts]") {
  Driver driver{{3, 8, 1}, {}};
  driver.run(0, {0, 1, 2, 3, 4, 5, 6, 7});
  REQUIRE(driver.fetched == 8);
  REQUIRE(driver.most_ahead == 3);
}

TEST_CASE("in a circle of layers that is larger than the slots some experts stay",
          "[zero][experts]") {
  const uint32_t layers = 8;
  Driver driver{{4, layers, layers}, {}};
  for (int pass = 0; pass < 50; ++pass)
    for (uint32_t layer = 0; layer < layers; ++layer) driver.run(layer, {layer});
  // All but one of the slots keep what they hold.
  REQUIRE(driver.cache.hits() >= 49 * 3);
}

TEST_CASE("each layer keeps the experts that it used last, as many as its share",
          "[zero][experts]") {
  const uint32_t layers = 4, experts = 6;
  Driver driver{{layers * 2, layers * experts, layers}, {}};
  const auto all = [&](std::vector<uint32_t> chosen) {
    for (uint32_t layer = 0; layer < layers; ++layer) {
      auto units = chosen;
      for (auto& unit : units) unit += layer * experts;
      driver.run(layer, units);
    }
  };
  all({0, 1, 2, 3, 4, 5});
  all({1, 3});
  const auto fetched = driver.fetched;
  all({1, 3});
  REQUIRE(driver.fetched == fetched);
}
