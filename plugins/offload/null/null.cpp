// A tier that stores nothing and completes at once: it shows the cost of everything else. Copy this
// file for a tier of your own.
#include <deque>
#include <mutex>
#include <strata/offload.hpp>
#include <unordered_map>

namespace {

class Null {
 public:
  static std::span<const strata::OptionKey> keys() { return {}; }
  // A score of 0 keeps `--offload auto` from choosing it; `--offload` with its name does.
  static int score(const strata::Config&) { return 0; }
  explicit Null(const strata::Config&) {}

  strata_limits limits() const { return {{}, 1, std::uint64_t{1} << 30, capacity, 0, depth}; }

  std::uint64_t region_new(std::uint64_t bytes) {
    if (bytes == 0 || bytes > capacity)
      throw strata::Failure(STRATA_INVALID, "a region of " + std::to_string(bytes) +
                                                " bytes: ask for 1 to " + std::to_string(capacity));
    const std::lock_guard lock(mutex_);
    regions_.emplace(++last_, bytes);
    return last_;
  }
  void region_free(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    regions_.erase(region);
  }

  bool submit(const strata_io& io) {
    if (done_.size() == depth) return false;
    strata::check_host_memory(io);
    const auto moved = strata::check_io(io, limits(), bytes_of(io.region));
    done_.push_back({io.cookie, moved, {}, STRATA_OK, 0});
    return true;
  }
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    std::uint32_t n = 0;
    for (; n < out.size() && !done_.empty(); ++n, done_.pop_front()) out[n] = done_.front();
    return n;
  }

 private:
  static constexpr std::uint64_t depth = 64, capacity = std::uint64_t{1} << 60;

  std::uint64_t bytes_of(std::uint64_t region) {
    const std::lock_guard lock(mutex_);
    const auto at = regions_.find(region);
    if (at == regions_.end())
      throw strata::Failure(STRATA_NOT_FOUND, "region " + std::to_string(region) + ": none");
    return at->second;
  }

  std::mutex mutex_;  // guards the regions: the main thread makes them while the I/O thread works
  std::unordered_map<std::uint64_t, std::uint64_t> regions_;
  std::uint64_t last_ = 0;
  std::deque<strata_done> done_;
};

}  // namespace

STRATA_OFFLOAD_PLUGIN(Null, "null", "1.0.0");
