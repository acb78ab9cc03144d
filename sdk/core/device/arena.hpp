// Host memory for streaming: exact in size, aligned to pages, allocated once.
#pragma once
#include <cstdint>
#include <span>
#include <strata/pages.hpp>

namespace strata::device {

// One anonymous allocation of exactly `bytes`, aligned to 4096. Movable.
class Arena {
 public:
  Arena() = default;
  // Throws strata::Error where there is not so much memory.
  explicit Arena(std::uint64_t bytes);

  std::byte* data() const { return pages_.data(); }
  std::uint64_t size() const { return pages_.size(); }
  std::span<std::byte> span() const { return {data(), pages_.size()}; }

 private:
  Pages pages_;
};

}  // namespace strata::device
