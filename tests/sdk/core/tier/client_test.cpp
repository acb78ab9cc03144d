#include "core/tier/client.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
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
                      "offload/fake: it has no function poll: ask its vendor for a new one");
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

TEST_CASE_METHOD(Fixture, "what is moved in pieces comes back whole and is counted", "[tier]") {
  {
    auto tier = open();
    const auto region = tier.new_region(1000);
    auto out = counted(1008);
    std::vector<std::byte> in(1008);
    tier.move({STRATA_WRITE, 0, &region, 0, 1008, out.data()});
    tier.move({STRATA_READ, 0, &region, 0, 1008, in.data()});
    REQUIRE(std::equal(in.begin(), in.begin() + 1000, out.begin()));
    REQUIRE(tier.bytes_written() == 1000);
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
