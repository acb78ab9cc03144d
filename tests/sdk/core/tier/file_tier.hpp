// A tier that reads files in place, with completions in any order and faults on demand, and a tier
// in mapped memory. Their options are JSON, like a plugin's.
#pragma once
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <strata/offload.hpp>
#include <string>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/source/config.hpp"
#include "core/tier/client.hpp"

namespace made {

class FileTier {
 public:
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return 1; }
  explicit FileTier(const strata::Config& c)
      : align_(static_cast<std::uint64_t>(c.i64("align", 512))),
        max_io_(static_cast<std::uint64_t>(c.i64("max_io", 1 << 20))),
        queue_(static_cast<std::uint64_t>(c.i64("queue", 4))), fail_at_(c.i64("fail_at", -1)),
        refuse_at_(c.i64("refuse_at", -1)), flip_at_(c.i64("flip_at", -1)),
        deaf_(c.i64("deaf", 0) != 0), random_(static_cast<std::uint32_t>(c.i64("seed", 1))) {}
  // Waits for transfers in flight, which still write into their memory.
  ~FileTier() {
    while (!waiting_.empty()) land();
  }

  strata_limits limits() const { return {{}, align_, max_io_, 0, 0, queue_}; }
  std::uint64_t region_bind(std::string_view file, std::uint64_t offset, std::uint64_t bytes) {
    std::ifstream in(std::string(file), std::ios::binary);
    const std::vector<char> all{std::istreambuf_iterator<char>(in), {}};
    regions_[++last_].assign(all.begin() + static_cast<std::ptrdiff_t>(offset),
                             all.begin() + static_cast<std::ptrdiff_t>(offset + bytes));
    return last_;
  }
  void region_free(std::uint64_t region) { regions_.erase(region); }

  bool submit(const strata_io& io) {
    if (deaf_ || waiting_.size() == queue_) return false;
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
    const auto& region = regions_.at(io.region);
    const auto bytes = std::min<std::uint64_t>(io.bytes, region.size() - io.offset);
    if (number == fail_at_)
      return {io.cookie, 0, strata::abi_str("the disk burns"), STRATA_DATA_LOSS, 0};
    std::memset(io.mem, 0xEE, io.bytes);  // bytes past the region's end are arbitrary
    std::memcpy(io.mem, region.data() + io.offset, bytes);
    if (number == flip_at_) static_cast<unsigned char*>(io.mem)[bytes / 2] ^= 0x40;
    return {io.cookie, bytes, {}, STRATA_OK, 0};
  }

  std::uint64_t align_, max_io_, queue_;
  std::int64_t fail_at_, refuse_at_, flip_at_, submitted_ = 0;
  bool deaf_;
  std::mt19937 random_;
  std::map<std::uint64_t, std::vector<char>> regions_;
  std::uint64_t last_ = 0;
  std::vector<Waiting> waiting_;
};

class MemoryTier {
 public:
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return 1; }
  explicit MemoryTier(const strata::Config&) {}
  strata_limits limits() const { return {{}, 1, 1 << 20, 0, 0, 1}; }
  std::uint64_t region_new(std::uint64_t bytes) {
    regions_[++last_] = std::make_unique<std::byte[]>(bytes);
    return last_;
  }
  void region_free(std::uint64_t region) { regions_.erase(region); }
  void* map(std::uint64_t region) { return regions_.at(region).get(); }
  bool submit(const strata_io&) { return false; }
  std::uint32_t poll(std::span<strata_done>, std::int64_t) { return 0; }

 private:
  std::map<std::uint64_t, std::unique_ptr<std::byte[]>> regions_;
  std::uint64_t last_ = 0;
};

// Opens them as the program opens a plugin; outlives its tiers.
class Opener {
 public:
  Opener() { strata::abi::open_plugin(host_.table()); }

  template <class T>
  std::unique_ptr<strata::tier::Tier> open(const std::string& json = "{}") {
    options_.push_back(std::make_unique<Options>(json));
    return std::make_unique<strata::tier::Tier>("made", &strata::abi::offload_table<T>,
                                                &options_.back()->seen, host_.table());
  }
  const strata_host* host() const { return host_.table(); }

 private:
  struct Options {
    explicit Options(const std::string& json) : values(json, "options"), seen{&values} {}
    strata::source::Config values;
    strata_config seen;
  };
  strata::plugin::Host host_{strata::plugin::config_table(), strata::ops::op_table()};
  std::vector<std::unique_ptr<Options>> options_;
};

}  // namespace made
