// Sizes as people read them.
#pragma once
#include <cstdint>
#include <string>

namespace strata {

// "512 B", "1.5 KiB", "134 MiB", "24.3 GiB": three significant digits.
std::string size_text(std::uint64_t bytes);

}  // namespace strata
