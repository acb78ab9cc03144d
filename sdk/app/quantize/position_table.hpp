// The table of learned positions among a unit's weights.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/plugin/family.hpp"

namespace strata::app {

// Returns the index of the unit's table of positions among its weights, which is declared as a
// matrix and which no product uses; that behind the last weight where there is none.
std::size_t position_table(const plugin::Family& family, std::uint32_t unit);

}  // namespace strata::app
