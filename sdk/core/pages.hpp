// Sizes in whole pages.
#pragma once
#include <cstdint>

namespace strata {

inline constexpr uint64_t page = 4096;

// The bytes of the pages that hold so many bytes.
constexpr uint64_t pages(uint64_t bytes) { return (bytes + page - 1) / page * page; }

}  // namespace strata
