// The lanes of a device: streams of work, each carried out in its own order.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::device {

// io: reads of files, with their copies to the device. copy: from host memory to the device. comm:
// among ranks. compute: the arithmetic. back: from the device to host memory. host: work of the
// processor, beside a device that computes.
enum class Lane : uint8_t { io, copy, comm, compute, back, host };
inline constexpr std::size_t lanes = 6;

}  // namespace strata::device
