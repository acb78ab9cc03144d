#include "kernels/groups.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gguf/floats.hpp"
#include "kernels/group_numbers.hpp"

namespace strata::kernels {

namespace {

bool four_bits(Code code) { return code != Code::int8 && code != Code::e4m3; }
bool is_integer(Code code) { return code == Code::int4 || code == Code::int8; }

float number_at(const void* from, strata_dtype dtype, int64_t at) {
  if (dtype.bits == 32) return static_cast<const float*>(from)[at];
  const uint16_t bits = static_cast<const uint16_t*>(from)[at];
  return dtype.code == STRATA_BFLOAT ? gguf::to_float(gguf::Brain{bits})
                                     : gguf::to_float(gguf::Half{bits});
}

float element(const GroupLinear& of, int64_t n, int64_t k) {
  const auto& form = of.form;
  const int64_t group = n * groups_in(form, of.columns) + k / form.group;
  const uint8_t* row = of.parts.codes + n * codes_in(form, of.columns);
  const int code = four_bits(form.code) ? row[k / 2] >> (k % 2 * 4) & 15 : row[k];
  const float scale = number_at(of.parts.scales, form.scale, group);
  if (form.code == Code::nf4) return nf4_numbers[code] * scale;
  if (form.code == Code::e2m1) return e2m1_numbers[code] * scale;
  if (form.code == Code::e4m3) return e4m3_number(static_cast<uint8_t>(code)) * scale;
  if (form.zero == Zero::number) {
    const float product = static_cast<float>(code) * scale;
    return product + number_at(of.parts.zeros, form.scale, group);
  }
  int zero = form.code == Code::int4 ? 8 : 128;
  if (form.zero == Zero::code) zero = static_cast<const uint8_t*>(of.parts.zeros)[group];
  return static_cast<float>(code - zero) * scale;
}

template <class T>
void store_rows(const GroupLinear& of, int64_t first, int64_t count, T* to) {
  for (int64_t n = first; n < first + count; ++n)
    for (int64_t k = 0; k < of.columns; ++k) *to++ = gguf::from_float<T>(element(of, n, k));
}

}  // namespace

bool valid(const GroupForm& form) {
  const auto [code, bits, lanes] = form.scale;
  const bool scale = lanes == 1 && ((code == STRATA_FLOAT && (bits == 32 || bits == 16)) ||
                                    (code == STRATA_BFLOAT && bits == 16));
  return scale && form.group > 0 && form.group % 2 == 0 &&
         (is_integer(form.code) || form.zero == Zero::none);
}

int64_t codes_in(const GroupForm& form, int64_t columns) {
  return four_bits(form.code) ? columns / 2 + columns % 2 : columns;
}

int64_t groups_in(const GroupForm& form, int64_t columns) {
  return columns / form.group + (columns % form.group != 0 ? 1 : 0);
}

bool can(const GroupForm& form, int64_t columns) { return valid(form) && columns > 0; }

bool has_fast(const GroupForm&) { return false; }

std::size_t workspace(const GroupLinear&, int64_t, Products) { return 0; }

void linear(const GroupLinear& of, const void* x, strata_dtype x_dtype, int64_t ldx, void* y,
            strata_dtype y_dtype, int64_t ldy, int64_t tokens, std::byte*, Run, Products) {
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < of.rows; ++n) {
      float sum = 0;
      for (int64_t k = 0; k < of.columns; ++k)
        sum += element(of, n, k) * number_at(x, x_dtype, t * ldx + k);
      if (y_dtype.code == STRATA_BFLOAT)
        static_cast<gguf::Brain*>(y)[t * ldy + n] = gguf::to_brain(sum);
      else
        static_cast<float*>(y)[t * ldy + n] = sum;
    }
}

void unpack(const GroupLinear& of, int64_t first, int64_t count, void* to, strata_dtype dtype) {
  if (dtype.bits == 64) return store_rows(of, first, count, static_cast<double*>(to));
  if (dtype.bits == 32) return store_rows(of, first, count, static_cast<float*>(to));
  if (dtype.code == STRATA_BFLOAT)
    return store_rows(of, first, count, static_cast<gguf::Brain*>(to));
  store_rows(of, first, count, static_cast<gguf::Half*>(to));
}

}  // namespace strata::kernels
