#include "core/run/loader.hpp"

namespace strata::run {
namespace {

using zero::Lane;

uint64_t total(const std::vector<Target>& targets) {
  uint64_t sum = 0;
  for (const auto& target : targets) sum += target.unit->run_bytes;
  return sum;
}

// One unit after the other through the scratch; reads of a unit run beside the copies of its
// beginning. What a tier does not map is made whole in `outgoing` and written from there.
class Loader {
 public:
  Loader(tier::Tier& source, std::span<const tier::Region> files, tier::Grain grain,
         const LoadParts& parts)
      : source_(source), files_(files), grain_(grain), parts_(parts) {}

  void bring(const Target& target) {
    auto* memory = target.memory ? target.memory : parts_.outgoing.data();
    bring(*target.unit, memory, target.on_device);
    if (!target.memory) target.seat.write(parts_.outgoing.data(), target.unit->run_bytes);
  }

 private:
  void bring(const zero::Unit& unit, std::byte* memory, bool on_device) {
    auto* to = unit.expands ? parts_.scratch : memory;
    route_ = tier::file_route(unit, unit.expands, files_, grain_, 0, ~uint64_t{0});
    route_.tier = &source_;
    parts_.reader->read(route_, to);
    parts_.reader->record(parts_.event, ++landed_);
    if (!unit.expands) return parts_.device->synchronize(parts_.event, landed_);
    parts_.device->wait(Lane::compute, parts_.event, landed_);
    const bool beside = parts_.separate_device && !on_device;
    auto* run = beside ? parts_.scratch + unit.stored_bytes : memory;
    parts_.compute->expand(unit, parts_.scratch, run);
    if (beside) parts_.device->copy(Lane::compute, memory, run, unit.run_bytes);
    parts_.device->record(Lane::compute, parts_.event + 1, landed_);
    parts_.device->synchronize(parts_.event + 1, landed_);
  }

  tier::Tier& source_;
  std::span<const tier::Region> files_;
  tier::Grain grain_;
  const LoadParts& parts_;
  tier::Route route_;
  uint64_t landed_ = 0;
};

}  // namespace

std::vector<Target> targets(const Prepared& prepared, const Tiers& tiers, std::byte* arena) {
  std::vector<Target> out;
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    const auto& unit = prepared.units[u];
    if (prepared.placement[u].tier == zero::resident)
      out.push_back({&unit, arena + prepared.plan.slots[u].run, {}, true});
    else if (const auto& seat = tiers.seat(u); seat.region)
      out.push_back({&unit, seat.memory(), seat, false});
  }
  for (std::size_t t = 0; t < prepared.table.size(); ++t)
    out.push_back({&prepared.table[t], tiers.table_seat(t).memory(), tiers.table_seat(t), false});
  return out;
}

void load(const std::vector<Target>& targets, tier::Tier& source,
          std::span<const tier::Region> files, tier::Grain grain, const LoadParts& parts,
          const Progress& progress) {
  Loader loader(source, files, grain, parts);
  uint64_t done = 0;
  const auto all = total(targets);
  for (const auto& target : targets) {
    loader.bring(target);
    if (progress) progress(done += target.unit->run_bytes, all);
  }
}

}  // namespace strata::run
