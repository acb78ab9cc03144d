// Dense element types by their names.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/dtype.hpp"

namespace strata::source {

inline constexpr strata_dtype f64{STRATA_FLOAT, 64, 1};
inline constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};
inline constexpr strata_dtype f16{STRATA_FLOAT, 16, 1};
inline constexpr strata_dtype bf16{STRATA_BFLOAT, 16, 1};
inline constexpr strata_dtype i64{STRATA_INT, 64, 1};
inline constexpr strata_dtype i32{STRATA_INT, 32, 1};
inline constexpr strata_dtype i16{STRATA_INT, 16, 1};
inline constexpr strata_dtype i8{STRATA_INT, 8, 1};
inline constexpr strata_dtype u8{STRATA_UINT, 8, 1};
inline constexpr strata_dtype boolean{STRATA_BOOL, 8, 1};

// The dtype of a name of the safetensors format: "F32", "BF16", "BOOL". Nothing for a name that it
// does not have or that is not dense bytes.
std::optional<strata_dtype> dtype_named(std::string_view name);
std::string_view dtype_name(strata_dtype dtype);  // "?" for one without a name

// A type of elements that a safetensors file may hold and that no arithmetic here reads: float8 and
// other small floating types, unsigned integers above 8 bits, complex numbers. `elements` of them
// take `bytes` bytes together.
struct OpaqueType {
  std::string_view name;
  std::uint32_t elements, bytes;
};
const OpaqueType* opaque_type(std::string_view name);  // null: it is none

}  // namespace strata::source
