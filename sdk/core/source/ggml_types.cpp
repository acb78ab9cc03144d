#include "core/source/ggml_types.hpp"

#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

// Sizes as in ggml's own table of types; blocks of 256 are its "K" and "IQ" super-blocks.
constexpr GgmlType types[] = {
    {0, "F32", 1, 4, true, f32},         {1, "F16", 1, 2, true, f16},
    {2, "Q4_0", 32, 18, true, f32},      {3, "Q4_1", 32, 20, true, f32},
    {6, "Q5_0", 32, 22, true, f32},      {7, "Q5_1", 32, 24, true, f32},
    {8, "Q8_0", 32, 34, true, f32},      {9, "Q8_1", 32, 40, false, f32},
    {10, "Q2_K", 256, 84, true, f32},    {11, "Q3_K", 256, 110, true, f32},
    {12, "Q4_K", 256, 144, true, f32},   {13, "Q5_K", 256, 176, true, f32},
    {14, "Q6_K", 256, 210, true, f32},   {15, "Q8_K", 256, 292, false, f32},
    {16, "IQ2_XXS", 256, 66, true, f32}, {17, "IQ2_XS", 256, 74, true, f32},
    {18, "IQ3_XXS", 256, 98, true, f32}, {19, "IQ1_S", 256, 50, true, f32},
    {20, "IQ4_NL", 32, 18, true, f32},   {21, "IQ3_S", 256, 110, true, f32},
    {22, "IQ2_S", 256, 82, true, f32},   {23, "IQ4_XS", 256, 136, true, f32},
    {24, "I8", 1, 1, false, i8},         {25, "I16", 1, 2, false, i16},
    {26, "I32", 1, 4, false, i32},       {27, "I64", 1, 8, false, i64},
    {28, "F64", 1, 8, false, f64},       {29, "IQ1_M", 256, 56, true, f32},
    {30, "BF16", 1, 2, true, bf16},      {34, "TQ1_0", 256, 54, true, f32},
    {35, "TQ2_0", 256, 66, true, f32},   {39, "MXFP4", 32, 17, true, f32},
    {40, "NVFP4", 64, 36, true, f32},    {41, "Q1_0", 128, 18, false, f32},
};

}  // namespace

const GgmlType* ggml_type(std::uint32_t id) {
  for (const auto& type : types)
    if (type.id == id) return &type;
  return nullptr;
}

Form stored_form(const GgmlType& type, std::vector<int64_t> shape, Extent file) {
  if (type.block_elements == 1) return dense_form(type.dtype, std::move(shape), file);
  return packed_form(
      std::string(type.name),
      {block_part("blocks", std::move(shape), type.block_elements, type.block_bytes, file)});
}

}  // namespace strata::source
