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

constexpr std::array<OpaqueType, 13> opaque{{{"F8_E4M3", 1, 1},
                                             {"F8_E5M2", 1, 1},
                                             {"F8_E8M0", 1, 1},
                                             {"F8_E4M3FNUZ", 1, 1},
                                             {"F8_E5M2FNUZ", 1, 1},
                                             {"F4", 2, 1},
                                             {"F6_E2M3", 4, 3},
                                             {"F6_E3M2", 4, 3},
                                             {"U16", 1, 2},
                                             {"U32", 1, 4},
                                             {"U64", 1, 8},
                                             {"C64", 1, 8},
                                             {"C128", 1, 16}}};

}  // namespace

std::optional<strata_dtype> dtype_named(std::string_view name) {
  for (const auto& [known, dtype] : names)
    if (known == name) return dtype;
  return std::nullopt;
}

const OpaqueType* opaque_type(std::string_view name) {
  for (const auto& one : opaque)
    if (one.name == name) return &one;
  return nullptr;
}

std::string_view dtype_name(strata_dtype dtype) {
  for (const auto& [name, known] : names)
    if (same(known, dtype)) return name;
  return "?";
}

}  // namespace strata::source
