// How a unit's bytes come from a tier that reads: which aligned parts of its regions, and where the
// wanted bytes of each part go.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/unit.hpp"

namespace strata::tier {

class Region;
class Tier;

struct Piece {
  uint64_t from = 0;  // in what was read
  uint64_t to = 0;    // from the beginning of the form that arrives
  uint64_t bytes = 0;
};

struct Read {
  const Region* region = nullptr;
  uint64_t offset = 0,
           bytes = 0;  // aligned as the tier wants it; may reach beyond the region's end
  uint32_t first = 0, pieces = 0;  // of Route::pieces
};

struct Route {
  Tier* tier = nullptr;
  std::vector<Read> reads;
  std::vector<Piece> pieces;
  uint64_t bytes = 0;  // that the tier moves for it, none beyond its regions' ends
};

// What a route is cut to: a tier's alignment and longest read (a multiple of it).
struct Grain {
  uint64_t align = 4096, chunk = 8u << 20;
};

// The unit's weights from their files, each file a region from its beginning, `files` by the
// checkpoint's index; to their stored places
// where `stored`, else to their run places. Only bytes [from, to) of that form: a rank's shard.
Route file_route(const zero::Unit& unit, bool stored, std::span<const Region> files, Grain grain,
                 uint64_t from, uint64_t to);

// `bytes` from `offset` of one region, to the beginning of the form.
Route packed_route(const Region& region, uint64_t offset, uint64_t bytes, Grain grain);

// One range of a region to place `to`: appended, for rows of a table.
void add_range(Route& route, const Region& region, uint64_t offset, uint64_t bytes, uint64_t to,
               Grain grain);

}  // namespace strata::tier
