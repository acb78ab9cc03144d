// The route of a unit's bytes from a tier that reads: the aligned parts of its regions, and the
// places for the wanted bytes of each part.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/zero/unit.hpp"

namespace strata::tier {

class Region;
class Transfers;

struct Piece {
  uint64_t from = 0;  // from the beginning of the read's bytes
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
  Transfers* tier = nullptr;
  std::vector<Read> reads;
  std::vector<Piece> pieces;
  uint64_t bytes = 0;  // bytes that the tier moves for it, none beyond its regions' ends
};

// The grain that a route is cut to: a tier's alignment and longest read (a multiple of it).
struct Grain {
  uint64_t align = 4096, chunk = 8u << 20;
};

// A route for the unit's weights from their files to their stored places where `stored` is set,
// else to their run places. `files` has a region for each file of the checkpoint, by index, from
// the file's beginning. The route has only bytes [from, to) of that form: a rank's shard.
Route file_route(const zero::Unit& unit, bool stored, std::span<const Region> files, Grain grain,
                 uint64_t from, uint64_t to);

// A route for `bytes` from `offset` of one region, to the beginning of the form.
Route packed_route(const Region& region, uint64_t offset, uint64_t bytes, Grain grain);

// Appends one range of a region, to place `to`; for rows of a table.
void add_range(Route& route, const Region& region, uint64_t offset, uint64_t bytes, uint64_t to,
               Grain grain);

}  // namespace strata::tier
