// The timeline of one step, a row for each lane, as SVG.
#pragma once
#include <span>
#include <string>

#include "app/training_log/records.hpp"

namespace strata::training_log {

// Lanes and kinds are in the order in which they occur first. A span says under the mouse what it
// is; kinds have the page's colors --c0 to --c7, further ones share --c8. With more spans than
// `most` the longest of them are drawn, and a line says how many are not.
std::string lanes_svg(std::span<const LaneSpan> spans, std::size_t most = 20000);

}  // namespace strata::training_log
