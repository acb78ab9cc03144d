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

void round_activations(const float* x, int64_t columns, int zero, Activations* out) {
  for (int64_t at = 0; at < columns; at += Activations::elements, ++out) {
    *out = {};
    for (int half = 0; half < 2 && at + 32 * half < columns; ++half) {
      float values[32];
      std::copy_n(x + at + 32 * half, 32, values);
      const auto r = rounded(values);
      std::copy_n(r.codes, 32, out->codes + 32 * half);
      for (int four = 0; four < 8; ++four) {
        const int8_t* c = r.codes + 4 * four;
        const int sum = c[0] + c[1] + c[2] + c[3], place = 8 * half + four;
        out->scale[place] = r.scale;
        if (zero >= 0)
          out->zeros[place] = -zero * sum;
        else
          out->sums[place] = r.scale * static_cast<float>(sum);
      }
    }
  }
}

}  // namespace strata::kernels
