// The sum of a gradient over the ranks.
#pragma once
#include "core/device/device.hpp"
#include "core/dtype.hpp"
#include "core/train/share.hpp"

namespace strata::train {

// Enqueues it on lane comm: `gradient` holds the parts of all ranks, in float32 or bfloat16; this
// rank's part becomes the sum, or all of them where the unit stays whole.
inline void scatter_gradient(device::Device& device, device::Collective& collective,
                             const Share& share, std::byte* gradient, strata_dtype dtype) {
  const auto part = share.each * element_bytes(dtype);
  if (part == 0) return;
  device.reduce_scatter(collective, gradient, part,
                        dtype.bits < 32 ? device::Element::bfloat16 : device::Element::float32);
  if (share.whole) device.gather(collective, gradient, part);
}

}  // namespace strata::train
