#include "core/run/rows.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "core/device/arena.hpp"
#include "core/device/cpu_device.hpp"
#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "tests/sdk/core/run/noting_compute.hpp"
#include "tests/sdk/core/source/made.hpp"
#include "tests/sdk/core/tier/file_tier.hpp"

using namespace strata;
using namespace strata::run;

namespace {

constexpr std::size_t run_row = 12, stored_row = 6;

zero::Weight table_of(uint64_t offset = 0) {
  zero::Weight table;
  table.name = "wte";
  table.run = source::dense_form(source::u8, {run_row});
  table.source.stored = source::dense_form(source::u8, {stored_row}, {0, offset, stored_row});
  return table;
}

std::string random_bytes(std::size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::string out(count, '\0');
  for (auto& byte : out) byte = static_cast<char>(random());
  return out;
}

std::string rows_of(const std::string& all, std::span<const int32_t> ids, std::size_t row) {
  std::string out;
  for (const auto id : ids) out += all.substr(static_cast<std::size_t>(id) * row, row);
  return out;
}

const std::byte* bytes_of(const std::string& text) {
  return reinterpret_cast<const std::byte*>(text.data());
}

}  // namespace

TEST_CASE("a resident table is given where it lies, whatever the ids", "[run][rows]") {
  const std::byte memory[run_row]{};
  made::NotingCompute compute;
  ResidentRows(table_of(), memory).give(std::vector<int32_t>{0}, compute);
  REQUIRE(compute.tables == std::vector<const std::byte*>{memory});
  REQUIRE(compute.given.empty());
}

TEST_CASE("mapped rows are gathered from their tiles in the order of the ids", "[run][rows]") {
  const bool stored = GENERATE(false, true);
  const auto row = stored ? stored_row : run_row;
  const auto all = random_bytes(10 * row, 1);
  // Tiles of four rows, each in memory of its own; the last is shorter.
  const std::vector<std::string> parts{all.substr(0, 4 * row), all.substr(4 * row, 4 * row),
                                       all.substr(8 * row)};
  std::vector<std::byte> host(6 * run_row);
  MappedRows rows(
      table_of(), stored,
      {{0, 4, bytes_of(parts[0])}, {4, 4, bytes_of(parts[1])}, {8, 2, bytes_of(parts[2])}},
      {.host = host.data(), .device = host.data()});
  made::NotingCompute compute;
  for (const auto& ids :
       {std::vector<int32_t>{0, 3, 4, 7, 8, 9}, {9, 9, 0, 5}, std::vector<int32_t>{2}}) {
    compute.expect(ids.size() * row);
    rows.give(ids, compute);
    CHECK(compute.given.back().bytes == rows_of(all, ids, row));
    CHECK(compute.given.back().stored == stored);
  }
  CHECK(rows.planned() == 0);
}

TEST_CASE("rows for another memory are copied there in order with the compute lane",
          "[run][rows]") {
  const auto all = random_bytes(10 * run_row, 2);
  std::vector<std::byte> host(2 * run_row), device(2 * run_row);
  device::CpuDevice lanes(2);
  MappedRows rows(table_of(), false, {{0, 10, bytes_of(all)}},
                  {.host = host.data(), .device = device.data(), .lanes = &lanes, .event = 1});
  made::NotingCompute compute(2 * run_row);
  for (const auto& ids : {std::vector<int32_t>{7, 1}, std::vector<int32_t>{0, 9}}) {
    rows.give(ids, compute);
    REQUIRE(compute.given.back().bytes == rows_of(all, ids, run_row));
    REQUIRE(std::memcmp(device.data(), compute.given.back().bytes.data(), device.size()) == 0);
  }
  lanes.synchronize(1, 2);  // the event counts the copies
}

TEST_CASE("rows of a file are read in any order of completions, and counted", "[run][rows]") {
  const made::Folder folder;
  constexpr uint64_t offset = 100;  // no multiple of anything
  const auto all = random_bytes(400 * stored_row, 3);
  const auto file = folder.write("table", std::string(offset, 'x') + all);
  made::Opener opener;
  const auto queue = GENERATE(1, 3);
  const auto tier = opener.open<made::FileTier>(R"({"align": 512, "max_io": 512, "queue": )" +
                                                std::to_string(queue) + "}");
  const auto region = tier->bind(file, 0, offset + all.size());
  constexpr uint32_t parts = 2;
  const device::Arena staging(parts * uint64_t{512});
  std::vector<std::byte> host(40 * stored_row);
  FileRows rows(table_of(offset), *tier, region, {.align = 512, .chunk = 512}, staging.data(),
                parts, {.host = host.data(), .device = host.data()});
  made::NotingCompute compute;
  std::mt19937 random(4);
  uint64_t before = 0;
  for (std::size_t pass = 1; pass <= 40; ++pass) {
    std::vector<int32_t> ids;
    for (std::size_t i = 0; i < pass; ++i) ids.push_back(static_cast<int32_t>(random() % 400));
    compute.expect(ids.size() * stored_row);
    rows.give(ids, compute);
    REQUIRE(compute.given.back().bytes == rows_of(all, ids, stored_row));
    REQUIRE(compute.given.back().stored);
    REQUIRE(rows.planned() > before);
    REQUIRE(rows.planned() == tier->bytes_read());
    before = rows.planned();
  }
}

TEST_CASE(
    "a failed read of rows is thrown when nothing is in flight, and the next pass reads again",
    "[run][rows]") {
  const made::Folder folder;
  const auto all = random_bytes(400 * stored_row, 5);
  const auto file = folder.write("table", all);
  made::Opener opener;
  const auto fault = GENERATE(as<std::string>(), R"("fail_at": 1)", R"("refuse_at": 1)");
  const auto tier =
      opener.open<made::FileTier>(R"({"align": 512, "max_io": 512, "queue": 4, )" + fault + "}");
  const auto region = tier->bind(file, 0, all.size());
  const device::Arena staging(4 * uint64_t{512});
  std::vector<std::byte> host(4 * stored_row);
  FileRows rows(table_of(), *tier, region, {.align = 512, .chunk = 512}, staging.data(), 4,
                {.host = host.data(), .device = host.data()});
  made::NotingCompute compute(4 * stored_row);
  const std::vector<int32_t> ids{0, 100, 200, 300};
  REQUIRE_THROWS_WITH(rows.give(ids, compute),
                      Catch::Contains("the disk burns") || Catch::Contains("refused today"));
  CHECK(compute.given.empty());
  CHECK(tier->in_flight() == 0);
  rows.give(ids, compute);
  CHECK(compute.given.back().bytes == rows_of(all, ids, stored_row));
}

TEST_CASE("a tier that takes no read is an error and no endless wait", "[run][rows]") {
  const made::Folder folder;
  const auto file = folder.write("table", random_bytes(stored_row, 6));
  made::Opener opener;
  const auto tier = opener.open<made::FileTier>(R"({"deaf": 1})");
  const auto region = tier->bind(file, 0, stored_row);
  const device::Arena staging(512);
  std::vector<std::byte> host(stored_row);
  FileRows rows(table_of(), *tier, region, {.align = 512, .chunk = 512}, staging.data(), 1,
                {.host = host.data(), .device = host.data()});
  made::NotingCompute compute(stored_row);
  REQUIRE_THROWS_WITH(rows.give(std::vector<int32_t>{0}, compute),
                      Catch::Contains("takes no") && Catch::Contains("none to do"));
}
