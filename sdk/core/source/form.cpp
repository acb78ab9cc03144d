#include "core/source/form.hpp"

#include <algorithm>

#include "core/source/dtype.hpp"

namespace strata::source {

strata_dtype Form::dtype() const { return dense() && !parts.empty() ? parts.front().dtype : f32; }

const Extent& Form::file() const {
  static constexpr Extent none{};
  return parts.empty() ? none : parts.front().file;
}

Form dense_form(strata_dtype dtype, std::vector<int64_t> shape, Extent file) {
  return packed_form("", {{"", dtype, std::move(shape), file}});
}

Part block_part(std::string role, std::vector<int64_t> shape, uint32_t elements, uint32_t bytes,
                Extent file) {
  // Blocks that straddle rows, of types that nothing unpacks, are one row.
  const bool whole = !shape.empty() && shape.back() % elements == 0;
  if (!whole) shape = {static_cast<int64_t>(file.bytes)};
  if (whole)
    shape.back() = static_cast<int64_t>(static_cast<uint64_t>(shape.back()) / elements * bytes);
  return {std::move(role), u8, std::move(shape), file};
}

Form packed_form(std::string scheme, std::vector<Part> parts) {
  Form out{.scheme = std::move(scheme), .parts = std::move(parts)};
  for (auto& part : out.parts) {
    const uint64_t element = std::max<uint64_t>(element_bytes(part.dtype), 1);
    part.at = (out.bytes + element - 1) / element * element;
    out.bytes = part.at + element_count(part.shape) * element;
  }
  return out;
}

std::string form_name(const Form& form) {
  return form.dense() ? std::string(dtype_name(form.dtype())) : form.scheme;
}

void transpose(std::vector<Step>& steps) {
  if (!steps.empty() && steps.back() == Step(Transpose{}))
    steps.pop_back();
  else
    steps.push_back(Transpose{});
}

int64_t run_row(const Reorder& order, int64_t rows, int64_t row) {
  const int64_t inner = order.inner, wide = order.wide, parts = order.parts();
  const auto block = rows / order.blocks;
  const auto rest = block / (inner * parts);
  const auto within = row % block, stored = within / rest;  // of the block; the rest's number
  const auto run = stored < inner * wide ? stored / wide * parts + stored % wide
                                         : stored % inner * parts + stored / inner;
  return row - within + run * rest + within % rest;
}

}  // namespace strata::source
