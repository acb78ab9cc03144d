// A tensor that no file has: its elements are computed where they are wanted.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/source/tensor.hpp"

namespace strata::source {

// `tensor` has the name, the shape and a dense dtype; `fill` writes the bytes of the elements from
// `first` on, as many as fit, the same ones for the same elements. One thread at a time calls it.
struct MadeTensor {
  Tensor tensor;
  std::function<void(std::uint64_t first, std::span<std::byte> out)> fill;
};

}  // namespace strata::source
