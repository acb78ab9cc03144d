// The queue of a tier without files: transfers move their bytes when they end, in any order, and
// fail on demand. Its options are JSON, like a plugin's.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <strata/offload.hpp>
#include <utility>
#include <vector>

namespace made {

class QueuedTier {
 public:
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return 1; }

  strata_limits limits() const { return limits_; }
  void region_free(std::uint64_t region) { regions_.erase(region); }

  bool submit(const strata_io& io) {
    if (deaf_ || waiting_.size() == limits_.queue_depth) return false;
    if (submitted_++ == refuse_at_) throw strata::Failure(STRATA_INVALID, "refused today");
    strata::check_io(io, limits_, regions_.at(io.region).size());
    waiting_.push_back({io, submitted_ - 1});
    return true;
  }
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    if (waiting_.empty()) return 0;
    const auto count = 1 + random_() % std::min(out.size(), waiting_.size());
    for (std::uint32_t n = 0; n < count; ++n) out[n] = land();
    return static_cast<std::uint32_t>(count);
  }

 protected:
  // `usual` are the limits where the options name no others.
  QueuedTier(const strata::Config& c, strata_limits usual)
      : limits_(usual), fail_at_(c.i64("fail_at", -1)), refuse_at_(c.i64("refuse_at", -1)),
        flip_at_(c.i64("flip_at", -1)), deaf_(c.i64("deaf", 0) != 0),
        random_(static_cast<std::uint32_t>(c.i64("seed", 1))) {
    const auto set = [&](const char* key, std::uint64_t& value) {
      value = static_cast<std::uint64_t>(c.i64(key, static_cast<std::int64_t>(value)));
    };
    set("align", limits_.align);
    set("max_io", limits_.max_io);
    set("queue", limits_.queue_depth);
  }
  // Waits for transfers in flight, which still write into their memory.
  ~QueuedTier() {
    while (!waiting_.empty()) land();
  }

  // Takes a region with these bytes.
  std::uint64_t add(std::vector<char> bytes) {
    regions_[++last_] = std::move(bytes);
    return last_;
  }

 private:
  struct Waiting {
    strata_io io;
    std::int64_t number;
  };

  strata_done land() {
    const auto at = static_cast<std::ptrdiff_t>(random_() % waiting_.size());
    const auto [io, number] = waiting_[static_cast<std::size_t>(at)];
    waiting_.erase(waiting_.begin() + at);
    auto& region = regions_.at(io.region);
    const auto bytes = std::min<std::uint64_t>(io.bytes, region.size() - io.offset);
    if (number == fail_at_)
      return {io.cookie, 0, strata::abi_str("the disk burns"), STRATA_DATA_LOSS, 0};
    if (io.op == STRATA_WRITE) {
      std::memcpy(region.data() + io.offset, io.mem, bytes);
    } else {
      std::memset(io.mem, 0xEE, io.bytes);  // bytes past the region's end are arbitrary
      std::memcpy(io.mem, region.data() + io.offset, bytes);
      if (number == flip_at_) static_cast<unsigned char*>(io.mem)[bytes / 2] ^= 0x40;
    }
    return {io.cookie, bytes, {}, STRATA_OK, 0};
  }

  strata_limits limits_;
  std::int64_t fail_at_, refuse_at_, flip_at_, submitted_ = 0;
  bool deaf_;
  std::mt19937 random_;
  std::map<std::uint64_t, std::vector<char>> regions_;
  std::uint64_t last_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace made
