#include "core/tier/route.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/tier/file_tier.hpp"
#include "tests/sdk/core/tier/scattered.hpp"

using namespace strata;
using namespace strata::tier;

namespace {

// The bytes that a route brings, following its own reads and pieces.
std::string follow(const Route& route, const made::Scattered& from,
                   const std::vector<Region>& regions, std::string to) {
  for (const auto& read : route.reads) {
    const auto& file = from.files[static_cast<std::size_t>(read.region - regions.data())];
    auto part = file.substr(read.offset, read.bytes);
    part.resize(read.bytes, '?');
    for (uint32_t p = read.first; p < read.first + read.pieces; ++p) {
      const auto& piece = route.pieces[p];
      REQUIRE(piece.from + piece.bytes <= read.bytes);
      to.replace(piece.to, piece.bytes, part, piece.from, piece.bytes);
    }
  }
  return to;
}

}  // namespace

TEST_CASE("a route brings exactly the bytes of its unit, in aligned reads of at most a chunk",
          "[tier][route]") {
  made::Opener opener;
  const auto tier = opener.open<made::FileTier>();
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const made::Scattered made(seed, 1 + seed % 3, 4);
    const auto regions = made.bind(*tier);
    std::mt19937 random(seed);
    const uint64_t align = uint64_t{512} << random() % 4, chunk = align * (1 + random() % 20);
    for (const auto& unit : made.units) {
      const uint64_t from = random() % 2 ? 0 : random() % unit.stored_bytes;
      const uint64_t to = random() % 2 ? ~uint64_t{0} : from + random() % unit.stored_bytes;
      const auto route = file_route(unit, true, regions, {align, chunk}, from, to);
      uint64_t bytes = 0;
      for (const auto& read : route.reads) {
        REQUIRE(read.offset % align == 0);
        REQUIRE(read.bytes % align == 0);
        REQUIRE(read.bytes <= chunk);
        REQUIRE(read.offset < read.region->bytes());
        REQUIRE(read.offset + read.bytes < read.region->bytes() + align);
        bytes += std::min(read.bytes, read.region->bytes() - read.offset);
      }
      REQUIRE(route.bytes == bytes);
      REQUIRE(follow(route, made, regions, std::string(unit.stored_bytes, '#')) ==
              made.form(unit, from, to));
    }
  }
}

TEST_CASE("weights that lie together come in one read, distant ones in their own",
          "[tier][route]") {
  const made::Folder folder;
  const auto path = folder.write("file", std::string(1 << 20, 'x'));
  made::Opener opener;
  const auto tier = opener.open<made::FileTier>();
  std::vector<Region> regions;
  regions.push_back(tier->bind(path, 0, 1 << 20));
  zero::Unit unit;
  for (const uint64_t offset : {5000, 100, 7000, 900'000}) {
    zero::Weight weight;
    weight.source.stored = source::dense_form({STRATA_UINT, 8, 1}, {1000}, {0, offset, 1000});
    weight.source.stored.at = offset;
    unit.weights.push_back(weight);
  }
  const auto route = file_route(unit, true, regions, {512, 1 << 20}, 0, ~uint64_t{0});
  REQUIRE(route.reads.size() == 2);
  REQUIRE(route.reads[0].offset == 0);
  REQUIRE(route.reads[0].bytes == 8192);
  REQUIRE(route.reads[1].offset == 899'584);
  REQUIRE(route.reads[1].bytes == 1536);
  REQUIRE(route.bytes == 8192 + 1536);
}
