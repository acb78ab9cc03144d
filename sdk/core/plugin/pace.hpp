// How long a plugin's function may take.
#pragma once
#include <cstdint>

namespace strata::plugin {

// quick: it returns at once, as set-up does; slow: it moves bytes or computes.
enum class Pace : uint8_t { quick, slow };

}  // namespace strata::plugin
