#include "core/tier/exchange.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "core/tier/ring.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/tier/scratch_tier.hpp"

using namespace strata;
using namespace strata::tier;

namespace {

constexpr uint64_t block = 1024;

// Writes blocks of a region through a ring, reads them back, and counts those that are others.
uint64_t wrong_blocks(Transfers& port, Tier& tier, const Region& region, uint64_t first,
                      uint64_t blocks) {
  Ring ring(port, tier, block, 3);
  const auto value = [&](uint64_t b) { return static_cast<std::byte>((first + b) * 37 + 5); };
  for (uint64_t b = 0; b < blocks; ++b) {
    const auto slot = ring.next();
    std::fill_n(ring.memory(slot), block, value(b));
    ring.start(STRATA_WRITE, slot, region, (first + b) * block, block);
  }
  ring.wait_all();
  uint64_t wrong = 0;
  for (uint64_t b = 0; b < blocks; ++b) {
    const auto slot = ring.next();
    ring.start(STRATA_READ, slot, region, (first + b) * block, block);
    ring.wait(slot);
    const auto* at = ring.memory(slot);
    wrong += !std::all_of(at, at + block, [&](std::byte v) { return v == value(b); });
  }
  return wrong;
}

std::string words_of(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("threads that share a tier each get their own bytes", "[tier][exchange]") {
  made::Opener opener;
  const auto seed = GENERATE(range(1, 7));
  const auto tier =
      opener.open<made::ScratchTier>(R"({"max_io": 512, "queue": )" + std::to_string(seed) +
                                     R"(, "seed": )" + std::to_string(seed) + "}");
  constexpr uint64_t threads = 3, blocks = 40;
  const auto region = tier->new_region(threads * blocks * block);
  std::vector<uint64_t> wrong(threads, ~uint64_t{0});
  {
    Exchange exchange(*tier);
    std::vector<Transfers*> ports;
    for (uint64_t t = 0; t < threads; ++t) ports.push_back(&exchange.open_port());
    std::vector<std::thread> running;
    for (uint64_t t = 0; t < threads; ++t)
      running.emplace_back(
          [&, t] { wrong[t] = wrong_blocks(*ports[t], *tier, region, t * blocks, blocks); });
    for (auto& one : running) one.join();
  }
  CHECK(wrong == std::vector<uint64_t>(threads, 0));
  CHECK(tier->in_flight() == 0);
}

TEST_CASE("a transfer that fails is its port's failure alone", "[tier][exchange]") {
  made::Opener opener;
  const auto kind = GENERATE("fail_at", "refuse_at");
  const auto tier =
      opener.open<made::ScratchTier>("{\"" + std::string(kind) + R"(": 2, "max_io": 512})");
  const auto region = tier->new_region(8 * block);
  Exchange exchange(*tier);
  Ring first(exchange.open_port(), *tier, 4 * block, 1),
      second(exchange.open_port(), *tier, block, 1);
  first.start(STRATA_WRITE, 0, region, 0, 4 * block);
  REQUIRE_THROWS_WITH(first.wait_all(),
                      Catch::Contains("offload/made") &&
                          (Catch::Contains("the disk burns") || Catch::Contains("refused today")));
  REQUIRE_THROWS_AS(first.next(), Error);  // also later
  second.start(STRATA_WRITE, 0, region, 4 * block, block);
  REQUIRE_NOTHROW(second.wait_all());
}

TEST_CASE("a tier that takes nothing fails the transfers of every port", "[tier][exchange]") {
  made::Opener opener;
  const auto tier = opener.open<made::FileTier>(R"({"deaf": 1})");
  const auto other = opener.open<made::ScratchTier>();
  const auto region = other->new_region(block);  // the tier is not asked for it
  Exchange exchange(*tier);
  auto& port = exchange.open_port();
  device::Arena memory(block);
  const Transfer transfer{.region = &region, .bytes = block, .memory = memory.data(), .cookie = 77};
  REQUIRE(port.submit({&transfer, 1}) == 1);
  std::vector<Completion> done(2);
  REQUIRE(port.poll(done, -1) == 1);
  CHECK(done[0].cookie == 77);
  CHECK_THAT(words_of(done[0].error), Catch::Contains("takes no transfer"));
  CHECK(port.poll(done, -1) == 0);  // nothing is in flight
}
