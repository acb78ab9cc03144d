// Master weights and moments of all units in a tier that maps no memory: they pass through a few
// slots of host memory, bucket by bucket.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/tier/exchange.hpp"
#include "core/tier/ring.hpp"

namespace strata::train {

// The float32 arrays that Adam has of a unit.
enum class AdamState : uint8_t { master, moment1, moment2 };

// Elements [first, first + count) of a unit's arrays in host memory.
struct Bucket {
  uint64_t first = 0, count = 0;
  float* master = nullptr;  // null where only the moments lie with the states, or are there
  float* moment1 = nullptr;
  float* moment2 = nullptr;
};

inline constexpr uint32_t no_unit = ~uint32_t{0};

// A bucket of the tier's region has the parts of all arrays of a unit, one behind the other, so
// that one read brings it. Each of the two groups of calls is for one thread at a time; both may be
// used at once for different units.
class StateFiles {
 public:
  struct Unit {
    uint64_t elements = 0;
    bool has_master = true;  // false: its master weights lie elsewhere
  };
  using Use = std::function<void(const Bucket&)>;

  // Takes one region of the tier. `bucket` elements of a unit are in memory at a time, three times.
  StateFiles(tier::Tier& tier, std::vector<Unit> units, uint64_t bucket = uint64_t{1} << 20);

  // Reads each bucket of the unit, calls `use`, which changes it, and writes it back. While one is
  // used the next is read and the one before written; behind the last one that is the first of the
  // unit `next`, for which this must be called next (no_unit: none). All of the unit is written
  // when the call returns.
  void update(uint32_t unit, uint32_t next, const Use& use);
  // Calls `use`, which fills each bucket, and writes it.
  void fill(uint32_t unit, const Use& use);
  // Reads the unit's master weights and calls `use`; there are no moments in its buckets.
  void masters(uint32_t unit, const Use& use);

  // Some elements of an array that lies here.
  void read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out);
  void write(uint32_t unit, AdamState array, uint64_t first, std::span<const float> values);

  uint64_t file_bytes() const { return region_.bytes(); }
  uint64_t memory_bytes() const { return passing_.all_bytes() + parts_.all_bytes(); }

 private:
  struct Place {
    uint64_t at = 0;  // in the region
    uint64_t elements = 0;
    uint32_t arrays = 3;
  };
  struct Ahead {
    uint32_t unit = 0, slot = 0;
    uint64_t bucket = 0;
  };

  uint64_t buckets(const Place& place) const { return (place.elements + bucket_ - 1) / bucket_; }
  uint64_t count(const Place& place, uint64_t bucket) const;
  uint64_t part_bytes(uint64_t count) const { return passing_.up(count * sizeof(float)); }
  uint64_t offset(const Place& place, uint64_t bucket) const {
    return place.at + bucket * place.arrays * part_bytes(bucket_);
  }
  void start_read(uint32_t unit, uint64_t bucket, uint32_t arrays);
  void pass(uint32_t unit, uint32_t next, uint32_t arrays, bool writes, const Use& use);
  Bucket bucket_in(uint32_t slot, const Place& place, uint64_t bucket, uint32_t arrays) const;
  template <class F>
  void each_range(uint32_t unit, AdamState array, uint64_t first, uint64_t count, bool writes,
                  const F& f);

  uint64_t bucket_;  // elements
  std::vector<Place> places_;
  tier::Region region_;
  tier::Exchange exchange_;  // behind the region, which its transfers use
  tier::Ring passing_, parts_;
  std::optional<Ahead> ahead_;
};

}  // namespace strata::train
