#include "app/finetune/whole_masters.hpp"

#include <algorithm>
#include <cstddef>

#include "core/optim/cast.hpp"

namespace strata::app {

const float* WholeMasters::of(std::uint32_t unit) {
  if (const auto* memory = host_.memory(unit, train::AdamState::master)) return memory;
  if (unit_ != unit) {
    unit_ = train::no_unit;
    values_.resize(host_[unit].elements);
    if (host_[unit].bf16)
      widen(unit);
    else
      host_.masters(unit, [&](const train::Bucket& bucket) {
        std::copy_n(bucket.master, bucket.count,
                    values_.begin() + static_cast<std::ptrdiff_t>(bucket.first));
      });
    unit_ = unit;
  }
  return values_.data();
}

// This is for weights that are held in bfloat16 alone.
void WholeMasters::widen(std::uint32_t unit) {
  for (const auto& piece : plan_.flats[unit].pieces) {
    const auto& run = plan_.units[unit].weights[piece.weight].run;
    optim::cast(optim::f32, values_.data() + piece.first, run.dtype(), host_[unit].weights + run.at,
                0, piece.count);
  }
}

}  // namespace strata::app
