#include "core/tier/reader.hpp"

#include <catch2/catch.hpp>

#include "core/device/cpu_device.hpp"
#include "core/tier/exchange.hpp"
#include "core/tier/ring.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/tier/scattered.hpp"
#include "tests/sdk/core/tier/scratch_tier.hpp"

using namespace strata;
using namespace strata::tier;
using device::Lane;

namespace {

// Units behind a reader with an event of `released` and `landed` each.
struct Bench {
  made::Scattered made;
  std::unique_ptr<Tier> tier;
  std::vector<Region> regions;
  std::vector<Route> routes;
  uint64_t chunk;
  uint32_t chunks;
  device::CpuDevice device;
  std::vector<std::string> slots;
  std::unique_ptr<Reader> reader;

  Bench(made::Opener& opener, uint32_t seed, const std::string& options)
      : made(seed, 1 + seed % 3, 1 + seed % 5), tier(opener.open<made::FileTier>(options)),
        regions(made.bind(*tier)), chunk(tier->limits().align * (1 + seed * 7 % 30)),
        chunks(1 + seed % 4), device(static_cast<uint32_t>(2 * made.units.size()) + chunks) {
    for (const auto& unit : made.units) {
      routes.push_back(file_route(unit, true, regions, {tier->limits().align, chunk}, 0, ~0ull));
      routes.back().tier = tier.get();
      slots.emplace_back(unit.stored_bytes, '#');
    }
    reader = std::make_unique<Reader>(device, device.staging(chunk * chunks), chunk, chunks,
                                      static_cast<uint32_t>(2 * made.units.size()));
  }

  uint32_t landed(std::size_t unit) const { return static_cast<uint32_t>(2 * unit); }
  uint32_t released(std::size_t unit) const { return landed(unit) + 1; }

  void fetch(std::size_t unit, uint64_t pass) {
    if (pass > 1) reader->wait(released(unit), pass - 1);
    reader->read(routes[unit], reinterpret_cast<std::byte*>(slots[unit].data()));
    reader->record(landed(unit), pass);
  }
  uint64_t planned() const {
    uint64_t sum = 0;
    for (const auto& route : routes) sum += route.bytes;
    return sum;
  }
};

std::string options(uint32_t seed) {
  return R"({"align": )" + std::to_string(512 << seed % 2) + R"(, "queue": )" +
         std::to_string(1 + seed % 5) + R"(, "seed": )" + std::to_string(seed) + "}";
}

}  // namespace

TEST_CASE("every unit arrives whole in every pass, and the bytes counted are those planned",
          "[tier][reader]") {
  made::Opener opener;
  for (uint32_t seed = 0; seed < 24; ++seed) {
    Bench bench(opener, seed, options(seed));
    constexpr uint64_t passes = 3;
    for (std::size_t u = 0; u < bench.made.units.size(); ++u) bench.fetch(u, 1);
    for (uint64_t pass = 1; pass <= passes; ++pass)
      for (std::size_t u = 0; u < bench.made.units.size(); ++u) {
        bench.device.wait(Lane::compute, bench.landed(u), pass);
        const auto& unit = bench.made.units[u];
        REQUIRE(bench.slots[u] == bench.made.form(unit, 0, ~uint64_t{0}));
        bench.slots[u].assign(unit.stored_bytes, '#');
        bench.device.record(Lane::compute, bench.released(u), pass);
        if (pass < passes) bench.fetch(u, pass + 1);
      }
    REQUIRE(bench.tier->bytes_read() == passes * bench.planned());
    bench.reader.reset();
  }
}

TEST_CASE("a flipped byte arrives flipped", "[tier][reader]") {
  made::Opener opener;
  Bench bench(opener, 1, R"({"flip_at": 0})");
  bench.fetch(0, 1);
  bench.device.wait(Lane::compute, bench.landed(0), 1);
  REQUIRE(bench.slots[0] != bench.made.form(bench.made.units[0], 0, ~uint64_t{0}));
  bench.reader.reset();
}

TEST_CASE("the first read that fails is thrown where its unit is waited for, naming the file",
          "[tier][reader]") {
  made::Opener opener;
  const auto kind = GENERATE("fail_at", "refuse_at");
  for (const uint32_t seed : {3u, 7u, 14u}) {
    uint64_t reads = 0;
    for (const auto& route : Bench(opener, seed, "{}").routes) reads += route.reads.size();
    for (const uint64_t bad : {uint64_t{0}, reads / 2, reads - 1}) {
      Bench bench(opener, seed,
                  "{\"" + std::string(kind) + "\": " + std::to_string(bad) + R"(, "queue": 3})");
      for (std::size_t u = 0; u < bench.made.units.size(); ++u) bench.fetch(u, 1);
      uint64_t before = 0;
      for (std::size_t u = 0; u < bench.made.units.size(); ++u) {
        before += bench.routes[u].reads.size();
        const auto wait = [&] { bench.device.wait(Lane::compute, bench.landed(u), 1); };
        if (bad >= before) {  // a read of a later unit
          REQUIRE_NOTHROW(wait());
          REQUIRE(bench.slots[u] == bench.made.form(bench.made.units[u], 0, ~uint64_t{0}));
        } else if (kind == std::string("fail_at")) {
          REQUIRE_THROWS_WITH(wait(), Catch::Contains("offload/made") &&
                                          Catch::Contains(bench.made.folder.path("file")) &&
                                          Catch::Contains("the disk burns"));
        } else {
          REQUIRE_THROWS_WITH(wait(), Catch::Contains("offload/made") &&
                                          Catch::Contains(bench.made.folder.path("file")) &&
                                          Catch::Contains("refused today"));
        }
      }
      bench.reader.reset();
    }
  }
}

TEST_CASE("a tier that takes nothing is refused, not waited for", "[tier][reader]") {
  made::Opener opener;
  Bench bench(opener, 2, R"({"deaf": 1})");
  bench.fetch(0, 1);
  REQUIRE_THROWS_WITH(bench.device.wait(Lane::compute, bench.landed(0), 1),
                      Catch::Contains("offload/made: it takes no transfer"));
  bench.reader.reset();
}

TEST_CASE("a reader that ends early waits for what is in flight, and its events happen",
          "[tier][reader]") {
  made::Opener opener;
  for (uint32_t seed = 0; seed < 12; ++seed) {
    Bench bench(opener, seed, options(seed));
    const auto units = bench.made.units.size();
    for (std::size_t u = 0; u < units; ++u) bench.fetch(u, 1);
    bench.reader->wait(bench.released(0), 1);  // an event that nobody records in time
    for (std::size_t u = 0; u < units; ++u) bench.fetch(u, 1);
    bench.reader->record(bench.landed(units - 1), 2);
    if (seed % 2) bench.device.wait(Lane::compute, bench.landed(0), 1);
    bench.device.record(Lane::compute, bench.released(0), 1);
    bench.reader.reset();
    REQUIRE(bench.tier->in_flight() == 0);
    try {
      bench.device.synchronize(bench.landed(units - 1), 2);  // done, or dropped: no hang
    } catch (const std::exception& e) {
      REQUIRE_THAT(e.what(), Catch::Contains("stopped"));
    }
  }
}

TEST_CASE("reads begin behind the event that they wait for", "[tier][reader]") {
  made::Opener opener;
  const auto tier = opener.open<made::ScratchTier>(R"({"max_io": 1024, "queue": 4})");
  constexpr uint64_t bytes = 6 * 1024;
  const auto region = tier->new_region(bytes);
  auto route = packed_route(region, 0, bytes, {.align = 512, .chunk = 1024});
  device::CpuDevice device(8);
  {
    Exchange exchange(*tier);
    auto& writing = exchange.open_port();
    route.tier = &exchange.open_port();
    Ring ring(writing, *tier, bytes, 1);
    Reader reader(device, device.staging(4 * 1024), 1024, 4, 4);
    constexpr uint32_t written = 0, landed = 1, begun = 2;
    std::vector<std::byte> arrived(bytes);
    for (uint64_t pass = 1; pass <= 200; ++pass) {
      reader.wait(begun, pass);  // then all jobs are there, so that it could look ahead
      reader.wait_to_read(written, pass);
      reader.read(route, arrived.data());
      reader.record(landed, pass);
      device.record(Lane::compute, begun, pass);
      const auto slot = ring.next();
      std::fill_n(ring.memory(slot), bytes, static_cast<std::byte>(pass));
      ring.start(STRATA_WRITE, slot, region, 0, bytes);
      ring.wait_all();
      device.record(Lane::compute, written, pass);
      device.wait(Lane::compute, landed, pass);
      REQUIRE(std::ranges::all_of(arrived,
                                  [&](std::byte v) { return v == static_cast<std::byte>(pass); }));
    }
  }
}
