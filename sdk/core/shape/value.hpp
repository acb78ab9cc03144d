// The tensors that an op takes and gives, without their data.
#pragma once
#include <strata/abi/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace strata::shape {

// The lengths of a tensor's dimensions, at most 8 of them; held in place, so that ops that make one
// for each token allocate nothing.
class Dims {
 public:
  static constexpr std::size_t most = 8;

  Dims() = default;
  Dims(std::initializer_list<int64_t> lengths) : Dims(std::span(lengths.begin(), lengths.size())) {}
  // Throws Error past `most`.
  explicit Dims(std::span<const int64_t> lengths);

  std::size_t size() const { return count_; }
  int64_t operator[](std::size_t i) const { return lengths_[i]; }
  int64_t& operator[](std::size_t i) { return lengths_[i]; }
  int64_t last() const { return count_ == 0 ? 1 : lengths_[count_ - 1]; }
  const int64_t* begin() const { return lengths_.data(); }
  const int64_t* end() const { return lengths_.data() + count_; }
  // The product of the lengths; Error where it does not fit an int64_t or a length is negative.
  int64_t elements() const;
  friend bool operator==(const Dims& a, const Dims& b) { return std::ranges::equal(a, b); }

 private:
  std::size_t count_ = 0;
  std::array<int64_t, most> lengths_{};
};

// A tensor's element type and shape.
struct Value {
  strata_dtype dtype{};
  Dims dims;
};

// The bytes of such a tensor. Throws Error where they do not fit a uint64_t.
uint64_t bytes_of(const Value& value);

inline Dims dims_of(const strata_view& view) {
  return Dims(std::span(view.shape, static_cast<std::size_t>(view.ndim)));
}

// "float32 [5,64]"; "[64]" for a shape alone.
std::string words(const strata_view& view);
std::string words(const Dims& dims);
// "float32", "bfloat16", "uint8".
std::string words(strata_dtype dtype);

}  // namespace strata::shape
