// A stranger's codec: the elements of a row are bytes with a sign and share a float32 scale. It
// multiplies its weights as they lie.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <strata/quant.hpp>

namespace {

using strata::Memory;

bool is_float(const Memory& one) {
  const auto [code, bits, lanes] = one.dtype;
  const bool host = one.device.type == STRATA_CPU || one.device.type == STRATA_PINNED;
  return host && code == STRATA_FLOAT && bits == 32 && lanes == 1;
}

// A weight's rows, and its parts.
struct Weight {
  std::int64_t rows, columns;
  std::int8_t* codes;
  float* scales;
};

Weight weight_of(std::int64_t rows, std::int64_t columns, std::span<const Memory> parts) {
  if (parts.size() != 2 || parts[0].elements() != rows * columns || parts[1].elements() != rows)
    throw strata::Failure(STRATA_INVALID, "octet: the parts are not a weight's codes and scales");
  return {rows, columns, parts[0].as<std::int8_t>(), parts[1].as<float>()};
}

Weight weight_of(const Memory& dense, std::span<const Memory> parts) {
  if (!is_float(dense) || dense.shape.empty())
    throw strata::Failure(STRATA_UNIMPLEMENTED, "octet: knows rows of float32 in host memory");
  const auto columns = dense.shape.back();
  return weight_of(columns == 0 ? 0 : dense.elements() / columns, columns, parts);
}

struct Octet {
  static std::int32_t score(std::string_view scheme, const strata::Config*) {
    return scheme == "octet" ? 1 : 0;
  }

  Octet(std::string_view scheme, const strata::Config*) {
    if (scheme != "octet") throw strata::Failure(STRATA_INVALID, "octet: knows no other scheme");
  }

  std::vector<strata::Part> parts(strata_dtype, std::span<const std::int64_t> shape) const {
    if (shape.empty()) throw strata::Failure(STRATA_INVALID, "octet: a number has no rows");
    std::vector<std::int64_t> codes(shape.begin(), shape.end()), scales = codes;
    scales.back() = 1;
    return {{"codes", {STRATA_INT, 8, 1}, std::move(codes), 0},
            {"scales", {STRATA_FLOAT, 32, 1}, std::move(scales), 0}};
  }

  void pack(const strata_call&, const Memory& dense, std::span<const Memory> parts) const {
    const auto w = weight_of(dense, parts);
    for (std::int64_t r = 0; r < w.rows; ++r) {
      const float* row = dense.as<float>() + r * w.columns;
      float most = 0;
      for (std::int64_t i = 0; i < w.columns; ++i) most = std::max(most, std::fabs(row[i]));
      const float scale = w.scales[r] = most / 127;
      for (std::int64_t i = 0; i < w.columns; ++i)
        w.codes[r * w.columns + i] =
            scale > 0 ? static_cast<std::int8_t>(std::nearbyint(row[i] / scale)) : std::int8_t{0};
    }
  }

  void unpack(const strata_call&, std::span<const Memory> parts, const Memory& dense) const {
    const auto w = weight_of(dense, parts);
    for (std::int64_t r = 0; r < w.rows; ++r)
      for (auto i = r * w.columns; i < (r + 1) * w.columns; ++i)
        dense.as<float>()[i] = static_cast<float>(w.codes[i]) * w.scales[r];
  }

  bool can(const strata::ProductKind& kind) const {
    return is_float({nullptr, kind.device, kind.dtype, {}});
  }

  std::uint64_t workspace(const strata::ProductKind&) const { return 0; }

  void linear(const strata_call&, std::span<const Memory> parts,
              const strata::Product& product) const {
    struct Work {
      Weight w;
      const float* x;
      float* y;
      std::int64_t tokens;
    };
    const auto &x = product.x, &y = product.y;
    if (!is_float(x) || !is_float(y) || x.shape.size() != 2 || y.shape.size() != 2)
      throw strata::Failure(STRATA_UNIMPLEMENTED, "octet: multiplies float32 in host memory");
    Work work{weight_of(y.shape[1], x.shape[1], parts), x.as<float>(), y.as<float>(), x.shape[0]};
    // An item is a row of the weight.
    product.threads->run(
        product.threads, work.w.rows,
        [](void* user, std::int64_t r) {
          const auto& [w, from, to, tokens] = *static_cast<Work*>(user);
          for (std::int64_t t = 0; t < tokens; ++t) {
            float sum = 0;
            for (std::int64_t i = 0; i < w.columns; ++i)
              sum += from[t * w.columns + i] * static_cast<float>(w.codes[r * w.columns + i]);
            to[t * w.rows + r] = sum * w.scales[r];
          }
        },
        &work);
  }
};

}  // namespace

STRATA_QUANT_PLUGIN(Octet, "octet", "1.0.0");
