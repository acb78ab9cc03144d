// Compares a script's JSON about tensors, by name, with what a checkpoint says of them.
#pragma once
#include <catch2/catch.hpp>

#include "core/json.hpp"
#include "core/source/checkpoint.hpp"

namespace made {

inline std::string hex(const std::vector<std::byte>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes)
    out.append({digits[std::to_integer<int>(byte) >> 4], digits[std::to_integer<int>(byte) & 15]});
  return out;
}

inline void check_equal(const strata::source::Checkpoint& checkpoint,
                        const strata::Json& expected) {
  REQUIRE(checkpoint.tensors().size() == expected.size());
  for (const auto& [name, value] : expected.items()) {
    INFO(name);
    const auto* tensor = checkpoint.find(name);
    REQUIRE(tensor);
    CHECK(tensor->shape == value["shape"].get<std::vector<std::int64_t>>());
    CHECK(static_cast<int>(tensor->stored.dtype().code) == value["code"]);
    CHECK(static_cast<int>(tensor->stored.dtype().bits) == value["bits"]);
    std::vector<std::byte> bytes(tensor->stored.bytes);
    checkpoint.read(*tensor, 0, bytes);
    CHECK(hex(bytes) == value["bytes"]);
  }
}

}  // namespace made
