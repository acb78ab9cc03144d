// A tier whose memory nobody else may look into: every unit is read out of it, none is mapped.
#include <algorithm>
#include <deque>
#include <span>
#include <strata/offload.hpp>
#include <vector>

namespace {

constexpr strata::OptionKey option_keys[] = {
    {"strict", "flag", "false", "refuse memory that was not announced"}};

class Shelf {
 public:
  static std::span<const strata::OptionKey> keys() { return option_keys; }
  static int score(const strata::Config&) { return 1; }
  explicit Shelf(const strata::Config& options) : strict_(options.flag("strict", false)) {}

  strata_limits limits() const { return {{}, 512, 1u << 20, ~std::uint64_t{0}, 0, 16}; }
  std::uint64_t region_new(std::uint64_t bytes) {
    if (bytes == 0) throw strata::Failure(STRATA_INVALID, "a shelf of 0 bytes: ask for at least 1");
    shelves_.emplace_back(bytes);
    return shelves_.size() - 1;
  }
  void region_free(std::uint64_t region) { shelves_.at(region) = {}; }

  void mem_reg(void* memory, std::uint64_t bytes, strata_device, bool on) {
    auto* begin = static_cast<std::byte*>(memory);
    if (on)
      announced_.push_back({begin, bytes});
    else
      std::erase_if(announced_, [begin](const auto& one) { return one.data() == begin; });
  }

  bool submit(const strata_io& io) {
    if (done_.size() == limits().queue_depth) return false;
    if (io.region >= shelves_.size()) throw strata::Failure(STRATA_NOT_FOUND, "no such shelf");
    strata::check_host_memory(io);
    auto* memory = static_cast<std::byte*>(io.mem);
    const bool known = std::any_of(announced_.begin(), announced_.end(), [&](const auto& one) {
      return memory >= one.data() && memory + io.bytes <= one.data() + one.size();
    });
    if (strict_ && !known) throw strata::Failure(STRATA_INVALID, "memory that nobody announced");
    auto& shelf = shelves_[io.region];
    const auto bytes = strata::check_io(io, limits(), shelf.size());
    if (io.op == STRATA_READ)
      std::memcpy(io.mem, shelf.data() + io.offset, bytes);
    else
      std::memcpy(shelf.data() + io.offset, io.mem, bytes);
    done_.push_back({io.cookie, bytes, {}, STRATA_OK, 0});
    return true;
  }
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    std::uint32_t n = 0;
    for (; n < out.size() && !done_.empty(); ++n, done_.pop_front()) out[n] = done_.front();
    return n;
  }

 private:
  std::deque<std::vector<std::byte>> shelves_;
  std::deque<strata_done> done_;
  bool strict_;
  std::vector<std::span<std::byte>> announced_;
};

}  // namespace

STRATA_OFFLOAD_PLUGIN(Shelf, "shelf", "1.0.0");
