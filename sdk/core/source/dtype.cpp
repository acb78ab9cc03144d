#include "core/source/dtype.hpp"

#include <array>
#include <utility>

namespace strata::source {
namespace {

constexpr std::array<std::pair<std::string_view, strata_dtype>, 10> names{{{"F64", f64},
                                                                           {"F32", f32},
                                                                           {"F16", f16},
                                                                           {"BF16", bf16},
                                                                           {"I64", i64},
                                                                           {"I32", i32},
                                                                           {"I16", i16},
                                                                           {"I8", i8},
                                                                           {"U8", u8},
                                                                           {"BOOL", boolean}}};

}  // namespace

std::optional<strata_dtype> dtype_named(std::string_view name) {
  for (const auto& [known, dtype] : names)
    if (known == name) return dtype;
  return std::nullopt;
}

std::string_view dtype_name(strata_dtype dtype) {
  for (const auto& [name, known] : names)
    if (same(known, dtype)) return name;
  return "?";
}

}  // namespace strata::source
