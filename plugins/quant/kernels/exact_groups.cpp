// Exact products with weights in groups. tiles-inl.hpp says in which order they add.
#include <algorithm>
#include <cstring>

#include "kernels/group_numbers.hpp"
#include "kernels/group_panel.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/exact_groups.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "kernels/groups-inl.hpp"
#include "kernels/tiles-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels::HWY_NAMESPACE {

constexpr int rows_at_once = 4;  // that one token is multiplied with

// Widens up to GroupScales::most numbers; beyond `count` any numbers may follow.
HWY_INLINE void widen_numbers(const void* from, int64_t at, strata_dtype dtype, int64_t count,
                              float* to) {
  if (dtype.bits == 32) {
    std::memcpy(to, static_cast<const float*>(from) + at, static_cast<std::size_t>(count) * 4);
    return;
  }
  alignas(64) uint16_t bits[GroupScales::most];
  const int64_t whole = (count + 15) / 16 * 16;
  for (int64_t i = whole - 16; i < whole; ++i) bits[i] = 0;
  std::memcpy(bits, static_cast<const uint16_t*>(from) + at, static_cast<std::size_t>(count) * 2);
  if (dtype.code == STRATA_FLOAT) return widen_halves(bits, static_cast<int>(whole), to);
  const hn::Rebind<uint16_t, Floats> d16;
  for (int64_t i = 0; i < whole; i += lanes) {
    const auto wide = hn::PromoteTo(Ints(), hn::LoadU(d16, bits + i));
    hn::StoreU(hn::BitCast(Floats(), hn::ShiftLeft<16>(wide)), Floats(), to + i);
  }
}

void widen(const GroupPanel& p, int64_t n, int64_t g, int64_t count, GroupScales& to) {
  const auto& [code, zero, scale, group] = p.of.form;
  const int64_t at = (p.first + n) * p.at.groups + g;
  widen_numbers(p.of.parts.scales, at, scale, count, to.scale);
  if (zero == Zero::number) return widen_numbers(p.of.parts.zeros, at, scale, count, to.zero);
  if (zero == Zero::none) {
    const auto middle = hn::Set(Floats(), code == Code::int4 ? 8 : code == Code::int8 ? 128 : 0);
    for (int64_t i = 0; i < count; i += lanes) hn::StoreU(middle, Floats(), to.zero + i);
    return;
  }
  alignas(64) uint8_t bytes[GroupScales::most];
  for (int64_t i = (count - 1) / 16 * 16; i < (count + 15) / 16 * 16; ++i) bytes[i] = 0;
  std::memcpy(bytes, static_cast<const uint8_t*>(p.of.parts.zeros) + at,
              static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; i += lanes)
    hn::StoreU(hn::ConvertTo(Floats(), bytes_at(bytes + i)), Floats(), to.zero + i);
}

HWY_INLINE const float* numbers_of(Code code) {
  return code == Code::nf4 ? nf4_numbers : e2m1_numbers;
}

// A group's last chunk with fewer elements. Where the weight ends within a whole chunk it is copied
// first; numbers beyond its elements become zeros.
struct Rest {
  HWY_INLINE Rest(const GroupColumns& at, int64_t elements, const uint8_t* after)
      : end(after), bytes(at.bytes(elements)) {
    for (int64_t i = 0; i < chunk; ++i) mask[i] = at.element(i) < elements ? ~uint32_t{0} : 0;
  }
  template <class Format, class F>
  HWY_INLINE void each(const Format& format, const uint8_t* p, const F& f) const {
    alignas(64) uint8_t all[chunk] = {};
    if (end - p < Format::bytes) p = std::copy_n(p, bytes, all) - bytes;
    format.each(p, [&](int64_t k, Vector w) HWY_ATTR {
      f(k, hn::And(w, load(reinterpret_cast<const float*>(mask + k))));
    });
  }
  const uint8_t* end;  // of the weight's codes
  int64_t bytes;
  alignas(64) uint32_t mask[chunk];
};

// The rests of a row's groups and of its last one.
struct Rests {
  HWY_INLINE explicit Rests(const GroupPanel& p)
      : each(p.at, p.at.group % chunk, p.end()),
        last(p.at, p.at.length(p.at.groups - 1) % chunk, p.end()) {}
  Rest each, last;
};

// Adds the products of a group of four rows, and begins to read what lies `ahead` bytes further.
template <class Format>
HWY_INLINE void add_group(const Format* formats, const uint8_t* const* rows, int64_t ahead,
                          int64_t length, const Rest& rest, const float* x, Vector* sums) {
  constexpr int64_t often = 64 / Format::bytes;
  int64_t c = 0;
  for (; c < length / chunk; ++c, x += chunk)
    for (int r = 0; r < rows_at_once; ++r) {
      const uint8_t* p = rows[r] + c * Format::bytes;
      if (c % often == 0) hwy::Prefetch(p + ahead);
      Vector sum = sums[r];  // in a register, also where this loop is not unrolled
      formats[r].each(p, Add{x, &sum});
      sums[r] = sum;
    }
  if (length % chunk == 0) return;
  for (int r = 0; r < rows_at_once; ++r)
    rest.each(formats[r], rows[r] + c * Format::bytes, Add{x, sums + r});
}

// One token is multiplied with four rows at a time, whose sums do not wait for each other.
template <class Format>
HWY_NOINLINE void one_token(const GroupPanel& p, const float* x) {
  const auto& at = p.at;
  const Rests rests(p);
  const float* numbers = numbers_of(p.of.form.code);
  for (int64_t n = 0; n < p.rows; n += rows_at_once) {
    const uint8_t* rows[rows_at_once];
    Vector sums[rows_at_once];
    GroupScales scales[rows_at_once];
    const auto row = [&](int r) HWY_ATTR { return std::min(n + r, p.rows - 1); };
    for (int r = 0; r < rows_at_once; ++r) {
      rows[r] = p.row(row(r));
      sums[r] = hn::Zero(Floats());
    }
    const int64_t ahead = n + rows_at_once < p.rows ? rows_at_once * at.bytes(at.columns) : 0;
    for (int64_t g = 0; g < at.groups; ++g) {
      const int64_t i = g % GroupScales::most;
      if (i == 0)
        for (int r = 0; r < rows_at_once; ++r)
          widen(p, row(r), g, std::min(GroupScales::most, at.groups - g), scales[r]);
      const auto made = [&](int r) HWY_ATTR {
        return Format(scales[r].scale[i], scales[r].zero[i], numbers);
      };
      const Format formats[rows_at_once] = {made(0), made(1), made(2), made(3)};
      const int64_t length = at.length(g);
      add_group(formats, rows, ahead, length, g + 1 < at.groups ? rests.each : rests.last,
                x + g * at.chunks * chunk, sums);
      for (auto& from : rows) from += at.bytes(length);
    }
    for (int r = 0; r < rows_at_once && n + r < p.rows; ++r)
      p.out.put(0, p.first + n + r, total(sums[r]));
  }
}

// Decodes up to a tile's chunks of one row.
template <class Format>
HWY_NOINLINE void decode(const GroupPanel& p, const Rests& rests, int64_t n, int64_t from,
                         int64_t count, float* to) {
  const auto& at = p.at;
  const float* numbers = numbers_of(p.of.form.code);
  const int64_t first = from / at.chunks, group_bytes = at.bytes(at.group);
  int64_t c = from - first * at.chunks;  // of the group
  GroupScales scales;
  widen(p, n, first, std::min((c + count - 1) / at.chunks + 1, at.groups - first), scales);
  const uint8_t* row = p.row(n) + first * group_bytes;
  for (int64_t g = first; count > 0; ++g, c = 0, row += group_bytes) {
    const Format format(scales.scale[g - first], scales.zero[g - first], numbers);
    const int64_t length = at.length(g), end = std::min(c + count, (length - 1) / chunk + 1);
    const int64_t whole = std::min(end, length / chunk);
    count -= end - c;
    for (; c < whole; ++c, to += chunk) format.each(row + c * Format::bytes, Store{to});
    if (c == end) continue;
    (g + 1 < at.groups ? rests.each : rests.last).each(format, row + c * Format::bytes, Store{to});
    to += chunk;
  }
}

template <class Format>
HWY_NOINLINE void multiply_panel(const GroupPanel& p, const float* x, int64_t ldx) {
  if (p.tokens == 1) return one_token<Format>(p, x);
  const Rests rests(p);
  several_tokens(p, x, ldx, [&](int64_t n, int64_t k, int64_t columns, float* to) HWY_ATTR {
    decode<Format>(p, rests, n, k / chunk, columns / chunk, to);
  });
}

// Calls f.operator()<Format>() for the form's format. Only products fuse steps: that can change the
// sign of a zero, or overflow where a scale is beyond 2^119.
template <bool fuses, template <class> class Codes, template <Step, bool> class Elements, class F>
HWY_INLINE void with_integers(const GroupForm& form, const F& f) {
  const bool sum = form.zero == Zero::number;
  if constexpr (fuses) {
    if (form.scale.bits == 16 && form.scale.code == STRATA_FLOAT) {
      if (sum) return f.template operator()<Codes<Elements<Step::sum, true>>>();
      return f.template operator()<Codes<Elements<Step::offset, true>>>();
    }
  }
  if (sum) return f.template operator()<Codes<Elements<Step::sum, false>>>();
  f.template operator()<Codes<Elements<Step::offset, false>>>();
}
template <bool fuses, class F>
HWY_INLINE void with_format(const GroupForm& form, const F& f) {
  switch (form.code) {
    case Code::int4:
      return with_integers<fuses, Nibbles, FourBits>(form, f);
    case Code::int8:
      return with_integers<fuses, Bytes, Affine>(form, f);
    case Code::nf4:
    case Code::e2m1:
      return f.template operator()<Nibbles<Sixteen>>();
    case Code::e4m3:
      return f.template operator()<SmallFloats<fuses>>();
  }
}

void multiply_groups(const GroupPanel& p, const float* x, int64_t ldx) {
  with_format<true>(p.of.form, [&]<class Format>() HWY_ATTR { multiply_panel<Format>(p, x, ldx); });
}

void decode_chunks(const GroupPanel& p, int64_t n, int64_t from, int64_t count, float* to) {
  const Rests rests(p);
  with_format<false>(
      p.of.form, [&]<class Format>() HWY_ATTR { decode<Format>(p, rests, n, from, count, to); });
}

}  // namespace strata::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(widen);
HWY_EXPORT(multiply_groups);
HWY_EXPORT(decode_chunks);

void widen_groups(const GroupPanel& panel, int64_t n, int64_t g, int64_t count, GroupScales& to) {
  HWY_DYNAMIC_DISPATCH(widen)(panel, n, g, count, to);
}

void multiply_groups_exact(const GroupPanel& panel, const float* x, int64_t ldx) {
  HWY_DYNAMIC_DISPATCH(multiply_groups)(panel, x, ldx);
}

void decode_groups(const GroupPanel& panel, int64_t n, int64_t from, int64_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(decode_chunks)(panel, n, from, count, to);
}

}  // namespace strata::kernels
#endif
