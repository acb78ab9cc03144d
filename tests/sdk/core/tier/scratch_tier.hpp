// A tier of new regions that it does not map: transfers move their bytes when they end, in any
// order, and fail on demand.
#pragma once
#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <strata/offload.hpp>
#include <vector>

namespace made {

class ScratchTier {
 public:
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return 1; }
  explicit ScratchTier(const strata::Config& c)
      : align_(static_cast<std::uint64_t>(c.i64("align", 512))),
        max_io_(static_cast<std::uint64_t>(c.i64("max_io", 64 << 10))),
        queue_(static_cast<std::uint64_t>(c.i64("queue", 5))), fail_at_(c.i64("fail_at", -1)),
        refuse_at_(c.i64("refuse_at", -1)), random_(static_cast<std::uint32_t>(c.i64("seed", 1))) {}
  ~ScratchTier() {
    while (!waiting_.empty()) land();
  }

  strata_limits limits() const { return {{}, align_, max_io_, 1u << 30, 0, queue_}; }
  std::uint64_t region_new(std::uint64_t bytes) {
    regions_[++last_].resize(bytes);
    return last_;
  }
  void region_free(std::uint64_t region) { regions_.erase(region); }

  bool submit(const strata_io& io) {
    if (waiting_.size() == queue_) return false;
    if (submitted_++ == refuse_at_) throw strata::Failure(STRATA_INVALID, "refused today");
    strata::check_io(io, limits(), regions_.at(io.region).size());
    waiting_.push_back({io, submitted_ - 1});
    return true;
  }
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    if (waiting_.empty()) return 0;
    const auto count = 1 + random_() % std::min(out.size(), waiting_.size());
    for (std::uint32_t n = 0; n < count; ++n) out[n] = land();
    return static_cast<std::uint32_t>(count);
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
    if (io.op == STRATA_WRITE)
      std::memcpy(region.data() + io.offset, io.mem, bytes);
    else
      std::memcpy(io.mem, region.data() + io.offset, bytes);
    return {io.cookie, bytes, {}, STRATA_OK, 0};
  }

  std::uint64_t align_, max_io_, queue_;
  std::int64_t fail_at_, refuse_at_, submitted_ = 0;
  std::mt19937 random_;
  std::map<std::uint64_t, std::vector<char>> regions_;
  std::uint64_t last_ = 0;
  std::vector<Waiting> waiting_;
};

}  // namespace made
