#include "app/quantize/position_table.hpp"

#include "core/dry_run/measure.hpp"

namespace strata::app {

std::size_t position_table(const plugin::Family& family, std::uint32_t unit) {
  const auto measure = dry_run::measure(family, unit, {});
  return measure.positions > 0 ? measure.position_table : family.units()[unit].weights.size();
}

}  // namespace strata::app
