#include "core/size_text.hpp"

#include <array>
#include <cstdio>

namespace strata {

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) value /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s",
                value < 9.995   ? 2
                : value < 99.95 ? 1
                                : 0,
                value, units[unit]);
  return text;
}

}  // namespace strata
