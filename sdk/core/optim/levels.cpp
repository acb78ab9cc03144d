#include "core/optim/levels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace strata::optim {

Levels::Levels(bool has_sign) {
  std::vector<float> levels{0};
  for (int decade = 0; decade < 7; ++decade) {
    const int parts = 1 << (has_sign ? decade : decade + 1);
    for (int part = 0; part < parts; ++part)
      levels.push_back(
          static_cast<float>((0.1 + 0.9 * (part + 0.5) / parts) * std::pow(10.0, decade - 6)));
  }
  levels.push_back(1);
  const std::size_t zero = has_sign ? 127 : 0;  // its code
  for (std::size_t n = 0; n < levels.size(); ++n) {
    if (n <= zero) values_[zero - n] = -levels[n];
    values_[zero + n] = levels[n];
  }
  borders_.fill(2);  // no x is above it
  for (std::size_t n = 0; n + 1 < levels.size(); ++n) borders_[n] = (levels[n] + levels[n + 1]) / 2;
  for (int32_t bits = lowest; bits <= highest; ++bits) {
    const auto x = std::bit_cast<float>(bits << 16);
    const auto above = std::lower_bound(borders_.begin(), borders_.end(), x);
    starts_[static_cast<std::size_t>(bits - lowest)] =
        static_cast<int32_t>(above - borders_.begin());
  }
}

const Levels& Levels::of_moment1() {
  static const Levels levels(true);
  return levels;
}

const Levels& Levels::of_moment2() {
  static const Levels levels(false);
  return levels;
}

}  // namespace strata::optim
