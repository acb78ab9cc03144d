// A tier that reads files in place, and a tier in mapped memory.
#pragma once
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <strata/offload.hpp>
#include <string>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/source/config.hpp"
#include "core/tier/client.hpp"
#include "tests/sdk/core/tier/queued_tier.hpp"

namespace made {

class FileTier : public QueuedTier {
 public:
  explicit FileTier(const strata::Config& c) : QueuedTier(c, {{}, 512, 1 << 20, 0, 0, 4}) {}
  std::uint64_t region_bind(std::string_view file, std::uint64_t offset, std::uint64_t bytes) {
    std::ifstream in(std::string(file), std::ios::binary);
    const std::vector<char> all{std::istreambuf_iterator<char>(in), {}};
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(offset);
    return add({begin, begin + static_cast<std::ptrdiff_t>(bytes)});
  }
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
