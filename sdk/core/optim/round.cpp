#include "core/optim/round.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/round.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

// The random words of the numbers x: the last step of MurmurHash3, in which each bit depends on all
// bits of the number. Each half of the key goes in before a multiplication, since one alone would
// give elements the words that others had in an earlier update.
template <class D, class U = hn::Vec<D>>
HWY_INLINE U words_of(D d, U x, uint32_t low, uint32_t high) {
  x = hn::Xor(x, hn::Set(d, low));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(d, 0x85ebca6bu));
  x = hn::Xor(x, hn::Set(d, high));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<13>(x)), hn::Set(d, 0xc2b2ae35u));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

// Adds 16 random bits below the last bit that stays, and drops what is below it.
template <class D>
HWY_INLINE void round_lanes(D d, const float* from, uint16_t* to, uint32_t low, uint32_t high,
                            uint32_t number) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint16_t, D> d16;
  const auto x = hn::LoadU(d, from);
  const auto word = words_of(du, hn::Iota(du, number), low, high);
  const auto sum = hn::Add(hn::BitCast(du, x), hn::ShiftRight<16>(word));
  const auto nan = hn::RebindMask(du, hn::IsNaN(x));
  const auto bits = hn::ShiftRight<16>(hn::IfThenElse(nan, hn::Set(du, 0x7fc00000u), sum));
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, bits)), d16, to);
}

// The numbers of the elements have the same upper halves.
void round_range(const float* from, uint16_t* to, uint64_t key, uint32_t first, uint64_t count) {
  const All d;
  const One one;
  const auto low = static_cast<uint32_t>(key), high = static_cast<uint32_t>(key >> 32);
  const uint64_t lanes = hn::Lanes(d);
  uint64_t at = 0;
  for (; at + lanes <= count; at += lanes)
    round_lanes(d, from + at, to + at, low, high, static_cast<uint32_t>(first + at));
  for (; at < count; ++at)
    round_lanes(one, from + at, to + at, low, high, static_cast<uint32_t>(first + at));
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {
namespace {

HWY_EXPORT(round_range);

// The output function of SplitMix64.
uint64_t mixed64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// The key of what a part named by `number` has of the whole named by `key`.
uint64_t key_within(uint64_t key, uint64_t number) {
  return mixed64(key + (number + 1) * 0x9e3779b97f4a7c15u);
}

}  // namespace

uint64_t rounding_key(uint64_t seed, uint64_t update, uint64_t unit) {
  return key_within(key_within(key_within(0, seed), update), unit);
}

void round_stochastically(const float* from, uint16_t* to, uint64_t key, uint64_t first,
                          uint64_t count) {
  constexpr uint64_t half = uint64_t{1} << 32;  // elements whose numbers have the same upper half
  while (count > 0) {
    const auto some = std::min(count, half - first % half);
    HWY_DYNAMIC_DISPATCH(round_range)
    (from, to, key_within(key, first / half), static_cast<uint32_t>(first), some);
    from += some, to += some, first += some, count -= some;
  }
}

}  // namespace strata::optim
#endif
