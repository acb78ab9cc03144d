// An offload tier whose regions are host memory: complete but for the source of that memory.
//
//   class Mine {
//    public:
//     using Memory = ...;                         // owns a region; data() is its first byte
//     static std::span<const strata::OptionKey> keys();
//     static int score(const strata::Config&);
//     explicit Mine(const strata::Config&);
//     Memory take(std::uint64_t bytes);           // throws Failure(STRATA_EXHAUSTED)
//     std::uint64_t capacity() const;             // bytes that region_new can give in all
//   };
//   STRATA_OFFLOAD_PLUGIN(strata::HostTier<Mine>, "mine", "1.0.0");
#pragma once
#include <map>
#include <mutex>
#include <strata/offload.hpp>
#include <unordered_map>

namespace strata {

template <class Source>
class HostTier {
 public:
  static std::span<const OptionKey> keys() { return Source::keys(); }
  static int score(const Config& options) { return Source::score(options); }
  explicit HostTier(const Config& options) : source_(options) {}

  strata_limits limits() const {
    return {{}, 1, std::uint64_t{64} << 20, source_.capacity(), 0, depth};
  }

  std::uint64_t region_new(std::uint64_t bytes) {
    if (bytes == 0) throw Failure(STRATA_INVALID, "a region of 0 bytes: ask for at least 1");
    auto memory = source_.take(bytes);
    const std::lock_guard lock(mutex_);
    regions_.emplace(++last_, Region{std::move(memory), bytes});
    return last_;
  }
  void region_free(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    regions_.erase(region);
  }
  void* map(std::uint64_t region) { return find(region).first; }

  bool submit(const strata_io& io) {
    if (waiting_.size() == depth) return false;
    const auto [memory, bytes] = find(io.region);
    check_host_memory(io);
    const auto moved = check_io(io, limits(), bytes);
    waiting_.emplace(io.priority, Copy{io, memory + io.offset, moved});
    return true;
  }
  // Copies in this call, so that submit stays short; the most urgent transfer goes first.
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    std::uint32_t n = 0;
    for (; n < out.size() && !waiting_.empty(); ++n) {
      const auto [io, place, bytes] = waiting_.extract(waiting_.begin()).mapped();
      if (io.op == STRATA_READ)
        std::memcpy(io.mem, place, bytes);
      else
        std::memcpy(place, io.mem, bytes);
      out[n] = {io.cookie, bytes, {}, STRATA_OK, 0};
    }
    return n;
  }

 private:
  static constexpr std::uint64_t depth = 64;
  struct Region {
    typename Source::Memory memory;
    std::uint64_t bytes;
  };
  struct Copy {
    strata_io io;
    std::byte* place;
    std::uint64_t bytes;
  };

  // [any-thread]
  std::pair<std::byte*, std::uint64_t> find(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    const auto at = regions_.find(region);
    if (at == regions_.end())
      throw Failure(STRATA_NOT_FOUND, "region " + std::to_string(region) + ": there is none");
    return {static_cast<std::byte*>(at->second.memory.data()), at->second.bytes};
  }

  Source source_;
  std::mutex mutex_;  // guards the regions: the main thread makes them while the I/O thread works
  std::unordered_map<std::uint64_t, Region> regions_;
  std::uint64_t last_ = 0;
  std::multimap<std::uint32_t, Copy> waiting_;  // by priority; the I/O thread's own
};

}  // namespace strata
