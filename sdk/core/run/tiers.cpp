#include "core/run/tiers.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/run/rank_part.hpp"
#include "core/zero/shard.hpp"

namespace strata::run {

uint64_t written_bytes(const tier::Tier& tier, uint64_t bytes) {
  const auto align = std::max<uint64_t>(4096, grain_of(tier).align);
  return (bytes + align - 1) / align * align;
}

std::byte* transfer_memory(device::Device& device, uint64_t bytes) {
  auto* memory = device.staging(bytes + longest_align);
  const auto beyond = reinterpret_cast<std::uintptr_t>(memory) % longest_align;
  return beyond == 0 ? memory : memory + (longest_align - beyond);
}

void Seat::write(std::byte* from, uint64_t bytes) const {
  tier->move({.op = STRATA_WRITE,
              .region = region,
              .offset = offset,
              .bytes = written_bytes(*tier, bytes),
              .memory = from});
}

tier::Grain grain_of(const tier::Tier& tier) {
  const auto& limits = tier.limits();
  if (limits.align > longest_align)
    throw Error("offload/" + tier.name(),
                "its transfers must be multiples of " + std::to_string(limits.align) + " bytes",
                "at most " + std::to_string(longest_align) + " are possible: use another tier");
  return {.align = limits.align, .chunk = std::min(limits.max_io, longest_read + limits.align)};
}

namespace {

// Every element is at a multiple of its size then. Memory of malloc() is aligned so.
constexpr std::uintptr_t element_align = 16;

void check_runs_in(const tier::Tier& tier, const std::byte* memory) {
  if (reinterpret_cast<std::uintptr_t>(memory) % element_align != 0)
    throw Error("offload/" + tier.name(),
                "units run in its memory, which begins at no multiple of " +
                    std::to_string(element_align) + " bytes",
                "set run.in_place = false, or report this to the plugin's vendor");
}

}  // namespace

Tiers::Tiers(const Model& model, const Prepared& prepared, const Wish& wish,
             std::vector<std::unique_ptr<tier::Tier>> open)
    : model_(model), open_(std::move(open)), files_(open_.size()), rooms_(open_.size()),
      seats_(prepared.units.size()), table_seats_(prepared.table.size()),
      origins_(prepared.units.size()) {
  seat_units(prepared, wish);
  for (std::size_t u = 0; u < prepared.units.size(); ++u) {
    const auto& place = prepared.placement[u];
    if (place.tier == zero::resident) continue;
    const auto& unit = prepared.units[u];
    auto& origin = origins_[u];
    const auto part = fetched_part(prepared, wish, u);
    const auto before = part.from - held_part(prepared, wish, u).from;  // in the seat
    if (const auto* memory = seats_[u].region ? seats_[u].memory() : nullptr) {
      origin.mapped = memory + before;
      if (place.runs_in_tier) check_runs_in(*open_[place.tier], origin.mapped);
      continue;
    }
    const auto grain = grain_of(*open_[place.tier]);
    if (const auto& seat = seats_[u]; seat.region) {
      origin.route = tier::packed_route(*seat.region, seat.offset + before, part.bytes, grain);
      for (auto& piece : origin.route.pieces) piece.to += part.from;
    } else {
      origin.route = tier::file_route(unit, !place.as_run, files(place.tier), grain, part.from,
                                      part.from + part.bytes);
    }
    origin.route.tier = open_[place.tier].get();
  }
}

// Takes one region of each tier, exactly as large as its units with their alignment.
void Tiers::seat_units(const Prepared& prepared, const Wish& wish) {
  std::vector<uint64_t> size(open_.size(), 0);
  const auto take = [&](Seat& seat, uint32_t tier, uint64_t bytes) {
    if (tier == zero::resident || wish.tiers[tier].in_place) return;
    seat = {open_[tier].get(), &rooms_[tier], size[tier]};
    size[tier] += written_bytes(*open_[tier], bytes);
  };
  for (std::size_t u = 0; u < prepared.units.size(); ++u)
    take(seats_[u], prepared.placement[u].tier, held_room(prepared, wish, u));
  for (std::size_t t = 0; t < prepared.table.size(); ++t)
    take(table_seats_[t], prepared.table_place.tier,
         zero::held_bytes(prepared.table[t], prepared.table_place));
  for (std::size_t t = 0; t < open_.size(); ++t)
    if (size[t] > 0) rooms_[t] = open_[t]->new_region(size[t]);
}

std::span<const tier::Region> Tiers::files(std::size_t tier) {
  auto& bound = files_[tier];
  if (bound.empty())
    for (const auto& file : model_.checkpoint->files())
      bound.push_back(open_[tier]->bind(file->path(), 0, file->size()));
  return bound;
}

}  // namespace strata::run
