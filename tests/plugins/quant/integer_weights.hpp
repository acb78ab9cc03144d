// Random weights of integer codes in groups, their numbers in float64, and a codec's class over
// their parts. Nothing here uses the code under test to make what it expects.
#pragma once
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gguf/floats.hpp>
#include <random>
#include <strata/quant.hpp>
#include <string>
#include <vector>

namespace integer_weights {

constexpr strata_dtype f16{STRATA_FLOAT, 16, 1}, bf16{STRATA_BFLOAT, 16, 1},
    f32{STRATA_FLOAT, 32, 1}, f64{STRATA_FLOAT, 64, 1}, i32{STRATA_INT, 32, 1},
    u8{STRATA_UINT, 8, 1};

inline bool same(strata_dtype a, strata_dtype b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

// The nearest number of the dtype, ties to even, by its definition.
inline double rounded(double x, strata_dtype dtype) {
  if (dtype.bits == 64 || x == 0) return x;
  const int digits = dtype.bits == 32 ? 24 : dtype.code == STRATA_BFLOAT ? 8 : 11;
  const int least = same(dtype, f16) ? -14 : -126, most = same(dtype, f16) ? 15 : 127;
  const int exponent = std::max(std::ilogb(x), least);
  const double step = std::ldexp(1.0, exponent - digits + 1), out = std::nearbyint(x / step) * step;
  return std::fabs(out) < std::ldexp(1.0, most + 1) ? out : std::copysign(HUGE_VAL, x);
}

// A tensor's bytes, with others before and behind it that nobody may change.
class Bytes {
 public:
  Bytes(strata_dtype of, std::vector<int64_t> lengths) : dtype(of), shape(std::move(lengths)) {
    std::size_t count = dtype.bits / 8;
    for (const auto length : shape) count *= static_cast<std::size_t>(length);
    bytes_.resize(count + 2 * guard, std::byte{0x5a});
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes_.data() + guard);
  }
  strata::Memory memory() { return {as<std::byte>(), {STRATA_CPU, 0}, dtype, shape}; }
  std::size_t size() const { return bytes_.size() - 2 * guard; }
  bool whole() const {
    const auto untouched = [](std::byte b) { return b == std::byte{0x5a}; };
    return std::all_of(bytes_.begin(), bytes_.begin() + guard, untouched) &&
           std::all_of(bytes_.end() - guard, bytes_.end(), untouched);
  }
  double number(std::size_t at) {
    if (same(dtype, f64)) return as<double>()[at];
    if (same(dtype, f32)) return as<float>()[at];
    if (same(dtype, f16)) return gguf::to_float(as<gguf::Half>()[at]);
    return gguf::to_float(as<gguf::Brain>()[at]);
  }
  void put(std::size_t at, double x) {
    if (same(dtype, f32)) as<float>()[at] = static_cast<float>(x);
    if (same(dtype, f16)) as<gguf::Half>()[at] = gguf::to_half(static_cast<float>(x));
    if (same(dtype, bf16)) as<gguf::Brain>()[at] = gguf::to_brain(static_cast<float>(x));
  }

  const strata_dtype dtype;
  const std::vector<int64_t> shape;

 private:
  static constexpr std::ptrdiff_t guard = 64;
  std::vector<std::byte> bytes_;
};

inline std::vector<strata::Memory> memories(std::vector<Bytes>& all) {
  std::vector<strata::Memory> out;
  for (auto& one : all) out.push_back(one.memory());
  return out;
}

// The memory of the parts of a weight.
template <class Codec>
std::vector<Bytes> parts_of(const Codec& codec, std::array<int64_t, 2> shape) {
  std::vector<Bytes> out;
  for (const auto& part : codec.parts(f32, shape)) out.emplace_back(part.dtype, part.shape);
  return out;
}

struct Weight {
  // `order` may be empty: groups lie one after the other.
  Weight(int bits, int64_t rows, int64_t columns, int64_t of_group, strata_dtype scale_dtype,
         unsigned seed)
      : out(rows), in(columns), group(of_group), groups((in + group - 1) / group),
        scale(scale_dtype) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> code(0, (1 << bits) - 1);
    std::uniform_real_distribution<double> size(-1, 1);
    for (int64_t i = 0; i < out * in; ++i) codes.push_back(code(random));
    for (int64_t i = 0; i < out * groups; ++i) zeros.push_back(code(random));
    // Products overflow float16 with the first scale, and are subnormal in it with the second.
    for (int64_t i = 0; i < out * groups; ++i)
      scales.push_back(rounded(i == 0 ? 60000 : i == 1 ? 3e-7 : size(random) * 0.05, scale));
    for (int64_t k = 0; k < in; ++k) order.push_back(static_cast<int32_t>(k / group));
  }

  void shuffle(unsigned seed) {
    std::mt19937 random(seed);
    std::shuffle(order.begin(), order.end(), random);
  }

  // The element of row n and column k. Codes are [out,in], zeros and scales [groups,out].
  double exact(int64_t n, int64_t k) const {
    const auto at = static_cast<std::size_t>(order[static_cast<std::size_t>(k)] * out + n);
    return (codes[static_cast<std::size_t>(n * in + k)] - zeros[at]) * scales[at];
  }

  int64_t out, in, group, groups;
  strata_dtype scale;
  std::vector<int> codes, zeros;
  std::vector<double> scales;
  std::vector<int32_t> order;
};

// The weight unpacked to each dtype is its numbers, rounded to the scale's dtype first.
template <class Codec>
void check_unpacked(const Codec& codec, std::vector<Bytes>& parts, const Weight& weight) {
  for (const auto dtype : {f32, f64, f16, bf16}) {
    Bytes dense(dtype, {weight.out, weight.in});
    codec.unpack({}, memories(parts), dense.memory());
    REQUIRE(dense.whole());
    int wrong = 0;
    for (int64_t n = 0; n < weight.out; ++n)
      for (int64_t k = 0; k < weight.in; ++k) {
        const auto expected = rounded(rounded(weight.exact(n, k), weight.scale), dtype);
        wrong += dense.number(static_cast<std::size_t>(n * weight.in + k)) != expected;
      }
    REQUIRE(wrong == 0);
  }
}

// The parts in the form that products use have the weight's exact numbers, and so do products.
template <class Codec>
void check_run_form(const Codec& codec, std::vector<Bytes>& parts, const Weight& weight,
                    const std::string& scheme) {
  const std::array shape{weight.out, weight.in};
  REQUIRE(codec.run_scheme({shape, 1, {STRATA_CPU, 0}, f32}) == scheme);
  const Codec groups(scheme, nullptr);
  REQUIRE(groups.run_scheme({shape, 1, {STRATA_CPU, 0}, f32}) == std::nullopt);
  auto run = parts_of(groups, shape);
  for (const auto& part : run) REQUIRE(part.shape[0] == weight.out);
  codec.repack({}, shape, memories(parts), memories(run));
  for (const auto& part : run) REQUIRE(part.whole());

  Bytes dense(f32, {weight.out, weight.in});
  groups.unpack({}, memories(run), dense.memory());
  int wrong = 0;
  for (int64_t n = 0; n < weight.out; ++n)
    for (int64_t k = 0; k < weight.in; ++k)
      wrong += dense.number(static_cast<std::size_t>(n * weight.in + k)) !=
               rounded(weight.exact(n, k), f32);
  REQUIRE(wrong == 0);

  constexpr int64_t tokens = 3;
  Bytes x(f32, {tokens, weight.in}), y(f32, {tokens, weight.out});
  std::mt19937 random(9);
  std::normal_distribution<double> normal;
  for (std::size_t i = 0; i < static_cast<std::size_t>(tokens * weight.in); ++i)
    x.put(i, normal(random));
  const strata::ProductKind kind{shape, tokens, {STRATA_CPU, 0}, f32};
  REQUIRE(groups.can(kind));
  std::vector<std::byte> workspace(groups.workspace(kind) + 64);
  groups.linear({}, memories(run),
                {x.memory(), y.memory(),
                 workspace.data() + (64 - reinterpret_cast<uintptr_t>(workspace.data()) % 64) % 64,
                 nullptr, false});
  REQUIRE(y.whole());
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < weight.out; ++n) {
      double sum = 0, absolute = 0;
      for (int64_t k = 0; k < weight.in; ++k) {
        const double product =
            weight.exact(n, k) * x.number(static_cast<std::size_t>(t * weight.in + k));
        sum += product, absolute += std::fabs(product);
      }
      const auto got = y.number(static_cast<std::size_t>(t * weight.out + n));
      REQUIRE(std::fabs(got - sum) <= absolute * 1e-6);
    }
}

}  // namespace integer_weights
