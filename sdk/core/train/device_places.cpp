#include "core/train/device_places.hpp"

#include "core/optim/gradient.hpp"
#include "core/pages.hpp"
#include "core/train/states.hpp"

namespace strata::train {

DevicePlaces device_places(const zero::Unit& unit, const Flat& flat, uint32_t micro_batches) {
  DevicePlaces out{.own_master = !is_master(unit, flat), .own_sum = micro_batches > 1};
  const auto array = pages(flat.elements * sizeof(float));
  const auto take = [&](uint64_t bytes) {
    const auto at = out.bytes;
    out.bytes += bytes;
    return at;
  };
  if (out.own_master) out.master = take(array);
  out.moment1 = take(array);
  out.moment2 = take(array);
  if (out.own_sum) out.sum = take(array);
  out.squares = take(pages(optim::square_blocks(flat.elements) * sizeof(double)));
  return out;
}

}  // namespace strata::train
