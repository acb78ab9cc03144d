#include "core/tier/client.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"
#include "tests/sdk/core/tier/fake_tier.hpp"

using namespace strata;
using namespace strata::tier;

namespace {

struct Fixture {
  strata_offload table = fake_table();
  Fixture() { faults = {}; }
  Tier open() { return {"fake", &table, nullptr, nullptr}; }
};

std::vector<std::byte> counted(std::size_t n) {
  std::vector<std::byte> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(i * 7 + 1);
  return out;
}

std::string words_of(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a tier without a required function is refused by its name", "[tier]") {
  table.poll = nullptr;
  REQUIRE_THROWS_WITH(open(),
                      "offload/fake: it has no function poll: report this to the plugin's vendor");
  table = fake_table();
  table.region_new = nullptr;
  REQUIRE_THROWS_WITH(open(), Catch::Contains("region_new or region_bind"));
  table = fake_table();
  table.hdr.size -= 8;
  REQUIRE_THROWS_WITH(open(), Catch::Contains("shorter than ABI 1.0's"));
  REQUIRE(faults.opened == 0);
}

TEST_CASE_METHOD(Fixture, "a plugin's words are the error's", "[tier]") {
  faults.open = STRATA_EXHAUSTED;
  REQUIRE_THROWS_WITH(open(), "offload/fake: no disk today");
}

TEST_CASE_METHOD(Fixture, "limits that make no sense are refused, and the tier is closed",
                 "[tier]") {
  faults.align = 24;
  REQUIRE_THROWS_WITH(open(), Catch::Contains("limits make no sense"));
  REQUIRE(faults.closed == 1);
}

TEST_CASE_METHOD(Fixture, "what is moved in pieces comes back whole, and reads are counted",
                 "[tier]") {
  {
    auto tier = open();
    const auto region = tier.new_region(1000);
    auto out = counted(1008);
    std::vector<std::byte> in(1008);
    tier.move({STRATA_WRITE, 0, &region, 0, 1008, out.data()});
    tier.move({STRATA_READ, 0, &region, 0, 1008, in.data()});
    REQUIRE(std::equal(in.begin(), in.begin() + 1000, out.begin()));
    REQUIRE(tier.bytes_read() == 1000);
  }
  REQUIRE(faults.freed == 1);
  REQUIRE(faults.closed == 1);
}

TEST_CASE_METHOD(Fixture, "a full queue takes fewer, and cookies are the caller's own", "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::byte memory[64]{};
  std::vector<Transfer> three(3, {STRATA_READ, 0, &region, 0, 16, memory, 100});
  three[1].cookie = 101;
  three[2].cookie = 102;
  REQUIRE(tier.submit(three) == 2);
  REQUIRE(tier.submit(three) == 0);
  Completion done[3];
  REQUIRE(tier.poll(done, -1) == 2);
  REQUIRE(done[0].cookie + done[1].cookie == 201);
  REQUIRE(tier.poll(done, -1) == 0);
}

TEST_CASE_METHOD(Fixture, "a completion that failed or is short names region and offset",
                 "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::byte memory[64]{};
  const Transfer read{STRATA_READ, 0, &region, 16, 16, memory, 5};
  Completion done;
  faults.lost = 6;
  REQUIRE(tier.submit({&read, 1}) == 1);
  REQUIRE(tier.poll({&done, 1}, -1) == 1);
  REQUIRE(done.cookie == 5);
  REQUIRE(done.bytes == 10);
  REQUIRE(words_of(done.error) == "offload/fake: region 7: offset 16: moved 10 of 16 bytes");
  faults.done = STRATA_DATA_LOSS;
  faults.words = "a bad sector\n";
  REQUIRE_THROWS_WITH(tier.move(read), "offload/fake: region 7: offset 16: a bad sector\\x0a");
}

TEST_CASE_METHOD(Fixture, "a tier that accepts or finishes what it was not given is refused",
                 "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::byte memory[64]{};
  const Transfer read{STRATA_READ, 0, &region, 0, 16, memory};
  SECTION("accepts") {
    faults.invented = 1;
    REQUIRE_THROWS_WITH(tier.submit({&read, 1}), Catch::Contains("more transfers"));
  }
  SECTION("finishes") {
    faults.cookie_shift = 1;
    Completion done;
    REQUIRE(tier.submit({&read, 1}) == 1);
    REQUIRE_THROWS_WITH(tier.poll({&done, 1}, -1), Catch::Contains("not given"));
  }
}

TEST_CASE_METHOD(Fixture, "a refused transfer and one outside its region throw", "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::byte memory[64]{};
  REQUIRE_THROWS_WITH(tier.submit(std::vector<Transfer>{{STRATA_READ, 0, &region, 64, 16, memory}}),
                      Catch::Contains("offset 64"));
  faults.submit = STRATA_INVALID;
  REQUIRE_THROWS_WITH(tier.move({STRATA_READ, 0, &region, 0, 16, memory}),
                      "offload/fake: region 7: refused");
  REQUIRE_THROWS_WITH(tier.bind("a.gguf", 0, 16), Catch::Contains("region_bind"));
}

TEST_CASE_METHOD(
    Fixture, "a tier that breaks the rules of transfers is refused by name, and not asked again",
    "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::vector<std::byte> memory(64);
  const Transfer read{.region = &region, .bytes = 32, .memory = memory.data()};
  std::array<Completion, 2> done;

  SECTION("one is finished twice") {
    faults.twice = true;
    REQUIRE(tier.submit({&read, 1}) == 1);
    REQUIRE_THROWS_WITH(tier.poll(done, 0),
                        Catch::Contains("offload/fake: it finished a transfer"));
  }
  SECTION("more bytes than were asked for") {
    faults.more = 1000;
    REQUIRE(tier.submit({&read, 1}) == 1);
    REQUIRE_THROWS_WITH(tier.poll(done, 0), Catch::Contains("1032 bytes of a transfer of 32"));
  }
  REQUIRE(tier.broken());
  REQUIRE_THROWS_WITH(tier.poll(done, 0), Catch::Contains("not asked again"));
  REQUIRE_THROWS_WITH(tier.submit({&read, 1}), Catch::Contains("not asked again"));
}

TEST_CASE_METHOD(Fixture, "a tier that takes nothing though it has nothing to do is refused",
                 "[tier]") {
  auto tier = open();
  const auto region = tier.new_region(64);
  std::vector<std::byte> memory(64);
  const Transfer read{.region = &region, .bytes = 32, .memory = memory.data()};
  faults.takes_none = true;
  REQUIRE_THROWS_WITH(tier.submit({&read, 1}),
                      Catch::Contains("offload/fake: it takes no transfer"));
}

TEST_CASE_METHOD(Fixture, "what a tier throws is told with its name, also while it is closed",
                 "[tier]") {
  {
    auto tier = open();
    table.region_new = [](strata_self*, std::uint64_t, std::uint64_t*) -> strata_status {
      throw std::runtime_error("tired");
    };
    REQUIRE_THROWS_WITH(tier.new_region(64),
                        Catch::Contains("offload/fake: region_new threw an exception: tired"));
    table.close = [](strata_self* self) {
      delete self;
      throw 5;
    };
  }
  REQUIRE_THAT(plugin::take_late_failure(), Catch::Contains("offload/fake: close threw"));
  REQUIRE(plugin::take_late_failure().empty());
}

TEST_CASE_METHOD(Fixture, "a region without memory, or one that is given twice, is refused",
                 "[tier]") {
  auto tier = open();
  table.map = [](strata_self*, std::uint64_t, void** out) {
    *out = nullptr;
    return STRATA_OK + 0;
  };
  REQUIRE_THROWS_WITH(tier.new_region(64),
                      Catch::Contains("offload/fake: region 7: map gave no memory"));
  table.map = nullptr;
  const auto region = tier.new_region(64);
  REQUIRE_THROWS_WITH(tier.new_region(64), Catch::Contains("region 7 twice"));
}
