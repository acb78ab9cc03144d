#include "core/shape/value.hpp"

#include "core/error.hpp"

namespace strata::shape {

Dims::Dims(std::span<const int64_t> lengths) : count_(lengths.size()) {
  if (lengths.size() > most)
    throw Error("shape", std::to_string(lengths.size()) + " dimensions", "use at most 8");
  std::ranges::copy(lengths, lengths_.begin());
}

int64_t Dims::elements() const {
  int64_t product = 1;
  for (const auto length : *this)
    if (length < 0 || __builtin_mul_overflow(product, length, &product))
      throw Error("shape", words(*this) + " is no shape", "make its lengths positive and smaller");
  return product;
}

uint64_t bytes_of(const Value& value) {
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(value.dims.elements()),
                             uint64_t{value.dtype.bits} * value.dtype.lanes / 8, &bytes))
    throw Error("shape", words(value.dims) + " is larger than any memory", "use fewer tokens");
  return bytes;
}

std::string words(const Dims& dims) {
  std::string out = "[";
  for (std::size_t i = 0; i < dims.size(); ++i)
    out.append(i == 0 ? "" : ",").append(std::to_string(dims[i]));
  return out + "]";
}

std::string words(strata_dtype dtype) {
  const std::string bits = std::to_string(dtype.bits);
  switch (dtype.code) {
    case STRATA_INT:
      return "int" + bits;
    case STRATA_UINT:
      return "uint" + bits;
    case STRATA_FLOAT:
      return "float" + bits;
    case STRATA_BFLOAT:
      return "bfloat" + bits;
    case STRATA_BOOL:
      return "bool";
    default:
      return "dtype code " + std::to_string(dtype.code);
  }
}

std::string words(const strata_view& view) {
  return words(view.dtype) + " " + words(dims_of(view));
}

}  // namespace strata::shape
