#include "core/run/rank_part.hpp"

#include <strata/abi/model.h>

#include <algorithm>

#include "core/dtype.hpp"

namespace strata::run {
namespace {

uint64_t elements_of(const zero::Unit& unit) {
  uint64_t sum = 0;
  for (const auto& weight : unit.weights)
    if (weight.is_held()) sum += static_cast<uint64_t>(element_count(weight.shape));
  return sum;
}

}  // namespace

void keep_small_whole(std::span<zero::Unit> units, uint64_t below) {
  const auto is_head = [](const zero::Unit& unit) { return unit.kind == STRATA_UNIT_HEAD; };
  uint64_t head = 0;
  for (const auto& unit : units)
    if (is_head(unit)) head += elements_of(unit);
  for (auto& unit : units) unit.whole = (is_head(unit) ? head : elements_of(unit)) < below;
}

bool is_held_whole(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  if (wish.ranks == 1 || prepared.placement[unit].runs_in_tier) return true;
  if (prepared.units[unit].whole) return true;
  return prepared.tied && prepared.units[unit].kind == STRATA_UNIT_HEAD;
}

zero::Shard fetched_part(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  const auto bytes = zero::held_bytes(prepared.units[unit], prepared.placement[unit]);
  if (prepared.placement[unit].runs_in_tier || prepared.units[unit].whole) return {0, bytes};
  return zero::shard_of(bytes, wish.rank, wish.ranks);
}

zero::Shard held_part(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  if (!is_held_whole(prepared, wish, unit)) return fetched_part(prepared, wish, unit);
  return {0, zero::held_bytes(prepared.units[unit], prepared.placement[unit])};
}

uint64_t held_room(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  const auto bytes = zero::held_bytes(prepared.units[unit], prepared.placement[unit]);
  return is_held_whole(prepared, wish, unit) ? bytes : zero::shard_bytes(bytes, wish.ranks);
}

}  // namespace strata::run
