#include "core/run/rank_part.hpp"

#include <strata/abi/model.h>

namespace strata::run {

bool is_held_whole(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  if (wish.ranks == 1 || prepared.placement[unit].device != 0) return true;
  return prepared.tied && prepared.units[unit].kind == STRATA_UNIT_HEAD;
}

zero::Shard fetched_part(const Prepared& prepared, const Wish& wish, std::size_t unit) {
  const auto bytes = zero::held_bytes(prepared.units[unit], prepared.placement[unit]);
  if (prepared.placement[unit].device != 0) return {0, bytes};
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
