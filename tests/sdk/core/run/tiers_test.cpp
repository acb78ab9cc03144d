#include "core/run/tiers.hpp"

#include <algorithm>

#include "core/device/cpu_device.hpp"
#include "tests/sdk/core/run/made_session.hpp"

using namespace strata;
using namespace strata::run;
using made::Offload;

namespace {

std::unique_ptr<tier::Tier> open(made::Opener& opener, uint64_t align, uint64_t max_io) {
  return opener.open<made::FileTier>(R"({"align": )" + std::to_string(align) + R"(, "max_io": )" +
                                     std::to_string(max_io) + "}");
}

}  // namespace

TEST_CASE("reads are cut to a megabyte, or less where the tier takes less", "[run][tiers]") {
  made::Opener opener;
  const auto [align, max_io, chunk] = GENERATE(table<uint64_t, uint64_t, uint64_t>({
      {512, 8192, 8192},
      {4096, 1 << 30, longest_read + 4096},  // one alignment for a weight's end
      {longest_align, longest_align, longest_align},
  }));
  const auto grain = grain_of(*open(opener, align, max_io));
  CHECK(grain.align == align);
  CHECK(grain.chunk == chunk);
}

TEST_CASE("a tier whose alignment is too large is refused by its name", "[run][tiers]") {
  made::Opener opener;
  const auto tier = open(opener, 2 * longest_align, 4 * longest_align);
  REQUIRE_THROWS_WITH(grain_of(*tier), Catch::StartsWith("offload/made: its transfers must be"));
}

TEST_CASE("a unit's room in a tier is a multiple of pages and of the tier's alignment",
          "[run][tiers]") {
  made::Opener opener;
  CHECK(written_bytes(*open(opener, 512, 8192), 0) == 0);
  CHECK(written_bytes(*open(opener, 512, 8192), 1) == 4096);
  CHECK(written_bytes(*open(opener, 512, 8192), 4096) == 4096);
  CHECK(written_bytes(*open(opener, 8192, 8192), 8193) == 16384);
}

TEST_CASE("memory for transfers fits the alignment of every tier", "[run][tiers]") {
  device::CpuDevice device(1);
  for (const uint64_t bytes : {1, 4096, 3 << 20}) {
    auto* memory = transfer_memory(device, bytes);
    REQUIRE(reinterpret_cast<std::uintptr_t>(memory) % longest_align == 0);
    std::fill_n(memory, bytes, std::byte{1});
  }
}

TEST_CASE("the units of a tier with room of its own lie one behind the other in one region",
          "[run][tiers]") {
  made::Opener opener;
  const made::MadeModel model(4);
  const auto wish = made::wish_of(Offload::memory, {});
  const auto prepared = prepare(model.model, wish);
  std::vector<std::unique_ptr<tier::Tier>> opened;
  opened.push_back(opener.open<made::MemoryTier>());
  Tiers tiers(model.model, prepared, wish, std::move(opened));
  std::vector<std::pair<std::byte*, uint64_t>> rooms;
  const auto room = [&](const Seat& seat, const zero::Unit& unit, const zero::Place& place) {
    REQUIRE(seat.region);
    CHECK(seat.region == tiers.seat(0).region);
    rooms.emplace_back(seat.memory(), written_bytes(*seat.tier, zero::held_bytes(unit, place)));
  };
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    room(tiers.seat(u), prepared.units[u], prepared.placement[u]);
    CHECK(tiers.origins()[u].mapped == tiers.seat(u).memory());
  }
  for (std::size_t t = 0; t < prepared.table.size(); ++t)
    room(tiers.table_seat(t), prepared.table[t], prepared.table_place);
  auto* end = tiers.seat(0).region->memory();
  for (const auto& [memory, bytes] : rooms) {
    CHECK(memory == end);
    end = memory + bytes;
  }
  CHECK(end == tiers.seat(0).region->memory() + tiers.seat(0).region->bytes());
}

TEST_CASE("the units of a tier that reads files have routes and no room", "[run][tiers]") {
  made::Opener opener;
  const made::MadeModel model(4);
  const auto wish = made::wish_of(Offload::files, {});
  const auto prepared = prepare(model.model, wish);
  std::vector<std::unique_ptr<tier::Tier>> opened;
  opened.push_back(opener.open<made::FileTier>());
  Tiers tiers(model.model, prepared, wish, std::move(opened));
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    CHECK_FALSE(tiers.seat(u).region);
    const auto& origin = tiers.origins()[u];
    CHECK_FALSE(origin.mapped);
    uint64_t wanted = 0, there = 0;
    for (const auto& weight : prepared.units[u].weights)
      if (weight.is_held()) wanted += weight.source.stored.bytes;
    for (const auto& piece : origin.route.pieces) there += piece.bytes;
    CHECK(there == wanted);
    CHECK(origin.route.tier == tiers.open()[0].get());
  }
  const auto files = tiers.files(0);
  CHECK(files.size() == model.model.checkpoint->files().size());
  CHECK(tiers.files(0).data() == files.data());  // they are bound once
}
