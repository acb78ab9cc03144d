// The number of a GPU in a device's name.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::device {

// 0 for "cuda", 1 for "cuda:1"; nothing for any other text.
std::optional<uint32_t> cuda_index(std::string_view name);

}  // namespace strata::device
