#include "core/optim/cast.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/cast.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

template <class To, class From>
HWY_INLINE void convert(void* out, const void* in, uint64_t count) {
  auto* to = static_cast<typename To::Stored*>(out);
  const auto* from = static_cast<const typename From::Stored*>(in);
  const All d;
  const One one;
  const uint64_t lanes = hn::Lanes(d);
  uint64_t at = 0;
  for (; at + lanes <= count; at += lanes) To::store(d, From::load(d, from, at), to, at);
  for (; at < count; ++at) To::store(one, From::load(one, from, at), to, at);
}

// Between types of at most 32 bits. [Note: same bits]
void convert_range(strata_dtype to_dtype, void* to, strata_dtype from_dtype, const void* from,
                   uint64_t count) {
  const auto as = [&]<class From>(From) HWY_ATTR {
    if (same(to_dtype, f32)) return convert<F32, From>(to, from, count);
    if (same(to_dtype, bf16)) return convert<Bf16, From>(to, from, count);
    convert<F16, From>(to, from, count);
  };
  if (same(from_dtype, f32)) return as(F32{});
  if (same(from_dtype, bf16)) return as(Bf16{});
  as(F16{});
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {

HWY_EXPORT(convert_range);

void cast(strata_dtype to_dtype, void* to, strata_dtype from_dtype, const void* from,
          uint64_t first, uint64_t count) {
  auto* out = static_cast<std::byte*>(to) + first * element_bytes(to_dtype);
  const auto* in = static_cast<const std::byte*>(from) + first * element_bytes(from_dtype);
  if (same(to_dtype, from_dtype)) {
    std::memcpy(out, in, count * element_bytes(to_dtype));
    return;
  }
  if (!same(to_dtype, f64) && !same(from_dtype, f64))
    return HWY_DYNAMIC_DISPATCH(convert_range)(to_dtype, out, from_dtype, in, count);
  std::array<float, 1024> through{};  // f64 goes by way of f32
  std::array<double, 1024> wide{};
  for (uint64_t at = 0; at < count; at += through.size()) {
    const uint64_t some = std::min<uint64_t>(through.size(), count - at);
    auto* there = out + at * element_bytes(to_dtype);
    const auto* here = in + at * element_bytes(from_dtype);
    if (same(from_dtype, f64)) {
      std::memcpy(wide.data(), here, some * sizeof(double));
      std::transform(wide.begin(), wide.begin() + static_cast<std::ptrdiff_t>(some),
                     through.begin(), [](double x) { return static_cast<float>(x); });
      cast(to_dtype, there, f32, through.data(), 0, some);
    } else {
      cast(f32, through.data(), from_dtype, here, 0, some);
      std::copy_n(through.begin(), some, wide.begin());
      std::memcpy(there, wide.data(), some * sizeof(double));
    }
  }
}

}  // namespace strata::optim
#endif
