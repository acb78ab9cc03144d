// Elements one at a time, and arrays of random ones at addresses that are multiples of little.
#pragma once
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "core/optim/dtypes.hpp"
#include "core/source/elements.hpp"

namespace plain {

// An array of elements of one type that begins `skip` elements behind the allocation's begin.
class Array {
 public:
  Array(strata_dtype dtype, uint64_t count, uint64_t skip = 0)
      : dtype_(dtype), count_(count), skip_(skip * strata::element_bytes(dtype)),
        bytes_(skip_ + count * strata::element_bytes(dtype)) {}

  std::byte* data() { return bytes_.data() + skip_; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  double get(uint64_t at) const { return strata::source::element(dtype_, place(at)); }
  void set(uint64_t at, double value) {
    strata::source::set_element(dtype_, data() + at * strata::element_bytes(dtype_), value);
  }
  uint64_t count() const { return count_; }
  strata_dtype dtype() const { return dtype_; }
  bool operator==(const Array& other) const {
    return count_ == other.count_ &&
           std::memcmp(place(0), other.place(0), bytes_.size() - skip_) == 0;
  }

  // Normal values times `scale`, and now and then a zero.
  Array& fill(uint32_t seed, double scale) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    for (uint64_t at = 0; at < count_; ++at)
      set(at, random() % 50 == 0 ? 0 : normal(random) * scale);
    return *this;
  }
  Array& absolute() {
    for (uint64_t at = 0; at < count_; ++at) set(at, std::abs(get(at)));
    return *this;
  }

 private:
  const std::byte* place(uint64_t at) const {
    return bytes_.data() + skip_ + at * strata::element_bytes(dtype_);
  }
  strata_dtype dtype_;
  uint64_t count_, skip_;
  std::vector<std::byte> bytes_;
};

}  // namespace plain
