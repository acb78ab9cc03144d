// Host memory for streaming: exact in size, aligned to pages, allocated once.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <strata/pages.hpp>
#include <vector>

namespace strata::tier {

enum class Locked { no, yes };

// One anonymous allocation of exactly `bytes`, aligned to 4096. Moves.
class Arena {
 public:
  Arena() = default;
  // Throws strata::Error where there is no such memory, or where it may not be locked.
  explicit Arena(std::uint64_t bytes, Locked locked = Locked::no);

  std::byte* data() const { return pages_.data(); }
  std::uint64_t size() const { return pages_.size(); }
  std::span<std::byte> span() const { return {data(), pages_.size()}; }

 private:
  Pages pages_;
};

// `count` equal chunks of one arena, each aligned to 4096. Used by one thread.
class StagingRing {
 public:
  // `chunk` is rounded up to 4096.
  StagingRing(std::uint64_t count, std::uint64_t chunk, Locked locked = Locked::no);

  // A free chunk's index, the one that has rested longest; none if all are taken.
  std::optional<std::size_t> acquire();
  // Gives a taken chunk back; throws strata::Error on one that is not taken.
  void release(std::size_t index);

  std::span<std::byte> chunk(std::size_t index) const;
  std::size_t count() const { return taken_.size(); }
  std::size_t free() const { return free_; }
  const Arena& arena() const { return arena_; }  // for announcing it to a tier or a device

 private:
  std::uint64_t chunk_;
  Arena arena_;
  std::vector<bool> taken_;
  std::vector<std::size_t> rest_;  // a ring of free indices, oldest at head_
  std::size_t head_ = 0, free_;
};

}  // namespace strata::tier
