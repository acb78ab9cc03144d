// Packs the weights of a checkpoint and writes them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "app/quantize/packing.hpp"

namespace strata::app {

// Writes bytes at an offset of the file. Several threads call it at once.
using WriteAt = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

// Writes every weight at the places that `packing`'s parts have in the file, from those of
// `checkpoint`, on so many threads, each of which holds a few MiB. Throws Error naming the weight
// that has a NaN or an infinity where it would be packed.
void pack_weights(const Packing& packing, const source::Checkpoint& checkpoint,
                  std::uint32_t threads, const WriteAt& write, const LoadProgress& progress = {});

}  // namespace strata::app
