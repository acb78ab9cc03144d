// The lanes of a device: streams of work, each carried out in its own order.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::device {

// io: reads of files, with their copies to the device.
enum class Lane : uint8_t { io, copy, comm, compute };
inline constexpr std::size_t lanes = 4;

}  // namespace strata::device
