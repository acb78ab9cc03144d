// The arithmetic of devices, compiled for the host, beside the kernels of vectors.
#include "core/optim/one_element.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "core/optim/adam.hpp"
#include "core/optim/cast.hpp"

using namespace strata;
using namespace strata::optim;

namespace {

// Random bits: numbers of all sizes, infinities and NaNs.
std::vector<float> any_floats(uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (auto& x : out) x = one::from_bits(static_cast<uint32_t>(random()));
  // Values beside the borders of the narrow types: subnormal, the largest, ties.
  std::size_t at = 0;
  for (const uint32_t bits :
       {0U,          0x80000000U, 1U,          0x007fffffU, 0x00800000U, 0x33000000U, 0x33000001U,
        0x337fffffU, 0x387fc000U, 0x387fe000U, 0x387fffffU, 0x38800000U, 0x38801000U, 0x38801001U,
        0x477fe000U, 0x477fefffU, 0x477ff000U, 0x47800000U, 0x3f808000U, 0x3f818000U, 0x7f7fffffU,
        0x7f800000U, 0xff800000U, 0x7fc00000U, 0x7f800001U, 0xffffffffU})
    out.at(at++) = one::from_bits(bits);
  return out;
}

// Values as training has them, and now and then a zero or a very small one.
std::vector<float> some_floats(uint32_t seed, std::size_t count, float scale) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (auto& x : out) {
    x = normal(random) * scale;
    if (random() % 40 == 0) x = 0;
    if (random() % 40 == 0) x *= 1e-35F;
  }
  return out;
}

template <class Type>
void check_type(strata_dtype dtype) {
  std::vector<uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  std::vector<float> wide(all.size());
  cast(f32, wide.data(), dtype, all.data(), 0, all.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    wrong += one::bits_of(Type::load(all[i])) != one::bits_of(wide[i]);
  CHECK(wrong == 0);
  const auto values = any_floats(1, 200'000);
  std::vector<uint16_t> narrow(values.size());
  cast(dtype, narrow.data(), f32, values.data(), 0, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) wrong += Type::store(values[i]) != narrow[i];
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("one element has the bits of vectors in each type", "[optim]") {
  check_type<one::Bf16>(bf16);
  check_type<one::F16>(f16);
}

TEST_CASE("an update of one element has the bits of vectors", "[optim]") {
  const AdamSettings decoupled{.rate = 1e-2, .weight_decay = 0.1, .factor = 0.37};
  const AdamSettings with_l2{
      .rate = 1e-3, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1, .decoupled = false};
  const auto step = adam_step(GENERATE_COPY(decoupled, with_l2), 3);
  constexpr std::size_t count = 50'000;
  auto p = some_floats(1, count, 1), m = some_floats(2, count, 1e-3F),
       v = some_floats(3, count, 1e-4F);
  const auto g = some_floats(4, count, 1e-2F);
  for (auto& x : v) x = std::abs(x);
  auto one_p = p, one_m = m, one_v = v;
  std::vector<uint16_t> copy(count);
  adam(step,
       {.gradient_dtype = f32,
        .gradient = g.data(),
        .master = p.data(),
        .moment1 = m.data(),
        .moment2 = v.data(),
        .copy_dtype = bf16,
        .copy = copy.data()},
       0, count);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i) {
    one::advance(step, g[i], one_p[i], one_m[i], one_v[i]);
    wrong += one::Bf16::store(one_p[i]) != copy[i];
  }
  CHECK(wrong == 0);
  CHECK(std::memcmp(one_p.data(), p.data(), count * sizeof(float)) == 0);
  CHECK(std::memcmp(one_m.data(), m.data(), count * sizeof(float)) == 0);
  CHECK(std::memcmp(one_v.data(), v.data(), count * sizeof(float)) == 0);
}
