#include "core/run/loader.hpp"

#include <array>
#include <cstring>

#include "core/run/rank_part.hpp"

namespace strata::run {
namespace {

using device::Lane;

uint64_t total(const std::vector<Target>& targets) {
  uint64_t sum = 0;
  for (const auto& target : targets) sum += target.bytes();
  return sum;
}

// The number of units that are begun ahead of the one being finished: one is copied meanwhile, and
// the other is read as far as there are chunks for it.
constexpr std::size_t begun_ahead = 2;

// Loads one unit after the other through the scratches, in turn; the next units' reads run beside
// the copies and the expanding of each. A unit for a tier that maps no memory is completed in
// `outgoing` and written from there.
class Loader {
 public:
  Loader(tier::Tier& source, std::span<const tier::Region> files, tier::Grain grain,
         const LoadParts& parts)
      : source_(source), files_(files), grain_(grain), parts_(parts) {}

  // After a failure the reader may still be at work: it must be done with the routes.
  ~Loader() {
    if (finished_ == begun_) return;
    try {
      parts_.device->record(Lane::compute, parts_.event + 1, begun_);
      parts_.device->synchronize(parts_.event, begun_);
    } catch (const std::exception&) {  // the first failure has been reported
    }
  }

  // Whether the unit can be begun before the one ahead of it is finished: `outgoing` holds only
  // one.
  static bool ahead(const Target& target) { return target.expands() || target.memory; }

  // Lets the reader fetch a unit, which waits for its scratch where it goes there.
  void begin(const Target& target) {
    const bool expands = target.expands();
    auto& route = routes_[begun_ % routes_.size()];
    const bool cut = target.part && !expands;
    route = tier::file_route(*target.unit, expands || !target.place.as_run, files_, grain_,
                             cut ? target.part->from : 0,
                             cut ? target.part->from + target.part->bytes : ~uint64_t{0});
    if (cut)
      for (auto& piece : route.pieces) piece.to -= target.part->from;
    route.tier = &source_;
    auto& before = expanding_[begun_ % parts_.scratches];
    if (expands && before > 0) parts_.reader->wait(parts_.event + 1, before);
    parts_.reader->read(route, expands ? scratch(begun_) : memory_of(target));
    parts_.reader->record(parts_.event, ++begun_);
    if (expands) before = begun_;
  }

  // Units are finished in the order in which they were begun.
  void finish(const Target& target) {
    auto* memory = memory_of(target);
    auto* stored = scratch(finished_++);
    if (target.expands()) {
      expand(*target.unit, stored, memory, parts_.separate_device && !target.on_device());
      if (target.part) cut(target, memory);
    } else {
      parts_.device->synchronize(parts_.event, finished_);
    }
    if (!target.memory) hand_over(target, parts_.outgoing);
  }

 private:
  std::byte* memory_of(const Target& target) const {
    return target.outgoing_bytes() == 0 ? target.memory : parts_.outgoing.data();
  }

  // Leaves the part of a whole unit that the target has.
  static void cut(const Target& target, std::byte* whole) {
    std::memmove(target.memory ? target.memory : whole, whole + target.part->from,
                 target.part->bytes);
  }

  // The scratch of a unit, by the number of units begun before it.
  std::byte* scratch(uint64_t begun) const {
    return parts_.scratch + begun % parts_.scratches * parts_.scratch_bytes;
  }

  void expand(const zero::Unit& unit, std::byte* stored, std::byte* memory, bool beside) {
    parts_.device->wait(Lane::compute, parts_.event, finished_);
    auto* run = beside ? stored + unit.stored_bytes : memory;
    parts_.compute->expand(unit, stored, run);
    if (beside) parts_.device->copy(Lane::compute, memory, run, unit.run_bytes);
    parts_.device->record(Lane::compute, parts_.event + 1, finished_);
    parts_.device->synchronize(parts_.event + 1, finished_);
  }

  tier::Tier& source_;
  std::span<const tier::Region> files_;
  tier::Grain grain_;
  const LoadParts& parts_;
  std::array<tier::Route, begun_ahead + 1> routes_;
  uint64_t begun_ = 0, finished_ = 0;
  // The last unit that was begun and goes through each scratch; events count from 1.
  std::array<uint64_t, 2> expanding_{};
};

}  // namespace

void hand_over(const Target& target, std::span<std::byte> outgoing) {
  if (target.take) return target.take(outgoing.first(target.bytes()));
  target.seat.write(outgoing.data(), target.bytes());
}

std::vector<Target> targets(const Prepared& prepared, const Wish& wish, const Tiers& tiers,
                            std::byte* arena) {
  std::vector<Target> out;
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    const auto& unit = prepared.units[u];
    const auto& place = prepared.placement[u];
    if (place.tier == zero::resident)
      out.push_back({&unit, arena + prepared.plan.homes[u], {}, place});
    else if (const auto& seat = tiers.seat(u); seat.region) {
      out.push_back({&unit, seat.memory(), seat, place});
      if (!is_held_whole(prepared, wish, u)) out.back().part = held_part(prepared, wish, u);
    }
  }
  for (std::size_t t = 0; t < prepared.table.size(); ++t)
    out.push_back({&prepared.table[t], tiers.table_seat(t).memory(), tiers.table_seat(t),
                   prepared.table_place});
  return out;
}

void load(const std::vector<Target>& targets, tier::Tier& source,
          std::span<const tier::Region> files, tier::Grain grain, const LoadParts& parts,
          const Progress& progress) {
  Loader loader(source, files, grain, parts);
  uint64_t done = 0;
  const auto all = total(targets);
  std::size_t begun = 0;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    while (begun < targets.size() && begun <= t + begun_ahead &&
           (begun == t || Loader::ahead(targets[begun])))
      loader.begin(targets[begun++]);
    loader.finish(targets[t]);
    if (progress) progress(done += targets[t].bytes(), all);
  }
}

}  // namespace strata::run
