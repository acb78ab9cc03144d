#include "kernels/activations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::kernels {

namespace {

struct Rounded {
  float scale;
  int8_t codes[32];
};

// Codes -127 to 127 of 32 elements.
Rounded rounded(const float (&x)[32]) {
  float most = 0, any = 0;  // `any` becomes NaN if an element is not finite
  for (const float value : x) {
    most = std::max(most, std::fabs(value));
    any += value * 0;
  }
  Rounded out{};
  out.scale = most / 127;
  if (any != 0) {
    out.scale = std::numeric_limits<float>::quiet_NaN();
    return out;
  }
  if (out.scale < std::numeric_limits<float>::min()) {  // its inverse would overflow
    out.scale = 0;
    return out;
  }
  const float inverse = 127 / most;
  for (int k = 0; k < 32; ++k) {
    const float code = std::clamp(x[k] * inverse, -127.0F, 127.0F);
    out.codes[k] = static_cast<int8_t>(static_cast<int>(code + std::copysign(0.5F, code)));
  }
  return out;
}

}  // namespace

void round_activations(const float* x, int64_t columns, Offsets offsets, Activations* out) {
  const auto all = (columns + Activations::elements - 1) / Activations::elements;
  std::fill_n(out, all, Activations{});
  for (int64_t at = 0; at < columns; at += 32) {
    float values[32];
    std::copy_n(x + at, 32, values);
    const auto r = rounded(values);
    auto& to = out[at / Activations::elements];
    const auto half = at % Activations::elements;
    std::copy_n(r.codes, 32, to.codes + half);
    for (int64_t k = 0; k < 32; k += 4) {
      const int8_t* c = r.codes + k;
      const int sum = c[0] + c[1] + c[2] + c[3];
      const auto place = (half + k) / 4;
      to.scale[place] = r.scale;
      if (offsets.zero >= 0)
        to.zeros[place] = -offsets.zero * sum;
      else if (offsets.group == 4)
        to.sums[place] = r.scale * static_cast<float>(sum);
      else
        out[at / 256 * 4].sums[offsets.first + (at + k) % 256 / offsets.group] +=
            r.scale * static_cast<float>(sum);
    }
  }
}

}  // namespace strata::kernels
