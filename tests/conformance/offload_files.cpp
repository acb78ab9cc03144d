// The promises of strata.offload/1 about files read in place.
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "tests/conformance/opened_tier.hpp"
#include "tests/conformance/subject.hpp"

namespace {

const Run& each_run() {
  const auto index = GENERATE(range<std::size_t>(0, subject().runs.size()));
  const auto& run = subject().runs[index];
  UNSCOPED_INFO("run: " << run.name);
  return run;
}

std::string write_file(std::span<const std::byte> bytes) {
  auto path = (subject().scratch / "in place.bin").string();
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a bound file is read to its last byte, and no byte more is given", "[file]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_bind) return;
  const auto align = tier.limits().align;
  const auto size = GENERATE_COPY(
      values<std::uint64_t>({1, 2 * align - 1, align, align + 1, 5 * align - 3, (1u << 20) + 13}));
  CAPTURE(size);
  const auto bytes = pattern(size, 4);
  const auto region = tier.region_bind(write_file(bytes), 0, size);
  Guarded in(tier.rounded(size), align);
  tier.move(STRATA_READ, region, in.bytes(), 4 * align);
  REQUIRE(std::memcmp(in.data(), bytes.data(), size) == 0);
  REQUIRE(in.intact());
  const auto last = (size - 1) / align * align;
  const auto done = tier.carry_out(tier.io(STRATA_READ, region, last, align, in.data()));
  REQUIRE(done.status == STRATA_OK);
  REQUIRE(done.bytes == size - last);
}

TEST_CASE("a region inside a file is that part of it, and one file has many regions", "[file]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_bind) return;
  const auto align = tier.limits().align;
  const auto bytes = pattern(10 * align, 5);
  const auto path = write_file(bytes);
  Guarded in(2 * align, align);
  std::vector<std::uint64_t> regions;
  for (std::uint64_t i = 0; i < 8; ++i)
    regions.push_back(tier.region_bind(path, i * align, align + align / 2));
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto done = tier.carry_out(tier.io(STRATA_READ, regions[i], 0, 2 * align, in.data()));
    REQUIRE(done.status == STRATA_OK);
    REQUIRE(done.bytes == align + align / 2);
    REQUIRE(std::memcmp(in.data(), bytes.data() + i * align, done.bytes) == 0);
    tier.table().region_free(tier.self(), regions[i]);
  }
}

TEST_CASE("a bound file is never written", "[file]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_bind) return;
  const auto align = tier.limits().align;
  const auto path = write_file(pattern(2 * align, 6));
  const auto before = read_file(path);
  const auto region = tier.region_bind(path, 0, 2 * align);
  Guarded memory(align, align);
  std::uint32_t accepted = 99;
  REQUIRE(tier.submit(tier.io(STRATA_WRITE, region, 0, align, memory.data()), &accepted) ==
          STRATA_INVALID);
  REQUIRE(accepted == 99);
  tier.table().region_free(tier.self(), region);
  tier.close();
  REQUIRE(read_file(path) == before);
}

TEST_CASE("a file that cannot be bound is named", "[file]") {
  OpenedTier tier(*subject().plugin, each_run().options);
  if (!tier.table().region_bind) return;
  const auto align = tier.limits().align;
  auto path = write_file(pattern(3 * align, 7));
  std::uint64_t offset = 0, bytes = align;
  SECTION("there is none") { path += ".missing"; }
  SECTION("it is a folder") { path = subject().scratch.string(); }
  SECTION("the region ends past it") { bytes = 3 * align + 1; }
  SECTION("the region begins past it") { offset = 8 * align; }
  SECTION("the region overflows") { bytes = ~std::uint64_t{0}; }
  SECTION("the region is empty") { bytes = 0; }
  SECTION("the region is not aligned") { offset = 1; }
  std::uint64_t region = 99;
  MiniHost::take_words();
  REQUIRE(tier.table().region_bind(tier.self(), strata::abi_str(path), offset, bytes, &region) !=
          STRATA_OK);
  REQUIRE(region == 99);
  REQUIRE_THAT(MiniHost::take_words(), Catch::StartsWith(path + ": "));
}
