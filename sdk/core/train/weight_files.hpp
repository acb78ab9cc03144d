// The weights that compute, in a tier that reads: written behind their update, and fetched by
// routes.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/tier/exchange.hpp"
#include "core/tier/ring.hpp"
#include "core/tier/route.hpp"

namespace strata::train {

class WeightFiles {
 public:
  // Takes one region of the tier with room for the run form of each unit: `bytes` by unit, 0 for a
  // unit whose weights lie elsewhere. `window` bytes of a form are in memory at a time, three
  // times.
  WeightFiles(tier::Tier& tier, std::span<const uint64_t> bytes, uint64_t window = 4u << 20);

  bool has(uint32_t unit) const { return places_[unit].bytes > 0; }
  // The route of a unit's run form, for one reader: its port is the reader's thread's.
  const tier::Route& route(uint32_t unit) const { return routes_[unit]; }

  // Writing is for one thread at a time, which need not be the reader's: begin a unit, fill parts
  // of its form from its first byte to its last, and end it, which waits until all is written.
  // Bytes in gaps are undefined.
  void begin(uint32_t unit);
  // The memory of the form's bytes from `at` on, `bytes` of them or the longest start of those.
  std::span<std::byte> part(uint64_t at, uint64_t bytes);
  void end();

  uint64_t file_bytes() const { return region_.bytes(); }
  uint64_t memory_bytes() const { return ring_.all_bytes(); }

 private:
  struct Place {
    uint64_t at = 0, bytes = 0;  // in the region
  };
  void write_window();

  std::vector<Place> places_;
  tier::Region region_;
  tier::Exchange exchange_;
  tier::Transfers& reading_;
  tier::Transfers& writing_;
  tier::Ring ring_;
  std::vector<tier::Route> routes_;
  uint32_t unit_ = 0;    // that is written
  uint32_t slot_ = 0;    // of the window
  bool open_ = false;    // whether there is a window
  uint64_t window_ = 0;  // where in the form it begins
};

}  // namespace strata::train
