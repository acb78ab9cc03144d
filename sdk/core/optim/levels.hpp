// The values that the codes of 8-bit moments stand for.
#pragma once
#include <array>
#include <cstdint>

namespace strata::optim {

// Values from 0 to 1 in ascending order, dense near 1 and reaching down to 1e-6: bitsandbytes'
// dynamic map. Seven decades, from the largest down, have 2^6, 2^5, ... 2^0 equal parts each (an
// unsigned map: twice as many), and the middle of a part is a level; 0 and 1 are levels too.
class Levels {
 public:
  // A second moment has 256 levels. A first moment has 129, of both signs but the last: code 127 +
  // n stands for level n, and code 127 - n for its negative.
  static const Levels& of_moment1();
  static const Levels& of_moment2();

  // By code: its value.
  const float* values() const { return values_.data(); }

  // [Note: nearest level] The level nearest to x in [0, 1] is, with n = starts()[i] for the i that
  // the upper 16 bits of x count from those of 2^-24 on, n + (x > borders()[n]): between two
  // neighboring x of such bits at most one border lies. Below 2^-24 i is 0.
  const int32_t* starts() const { return starts_.data(); }
  const float* borders() const { return borders_.data(); }
  static constexpr int32_t lowest = (127 - 24) << 7, highest = 127 << 7;  // 2^-24 and 1

 private:
  explicit Levels(bool has_sign);
  std::array<float, 256> values_{};
  std::array<float, 256> borders_{};  // above level n
  std::array<int32_t, highest - lowest + 1> starts_{};
};

}  // namespace strata::optim
