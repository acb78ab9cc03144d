// A tier that reads files as they are, but for one bit of one transfer.
#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <strata/offload.hpp>

namespace {

using strata::Failure;

constexpr strata::OptionKey option_keys[] = {
    {"transfer", "integer", "-1", "whose middle byte is changed, counted from 0; -1: none's"},
};

class Flip {
 public:
  static std::span<const strata::OptionKey> keys() { return option_keys; }
  static int score(const strata::Config&) { return 0; }
  explicit Flip(const strata::Config& options) : bad_(options.i64("transfer", -1)) {}
  ~Flip() {
    for (const auto& [id, region] : regions_) ::close(region.descriptor);
  }

  strata_limits limits() const { return {{}, 4096, 4 << 20, 0, 0, 8}; }
  std::uint64_t region_bind(std::string_view file, std::uint64_t offset, std::uint64_t bytes) {
    const int descriptor = ::open(std::string(file).c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw Failure(STRATA_NOT_FOUND, std::string(file) + ": cannot be opened");
    regions_[++last_] = {descriptor, offset, bytes};
    return last_;
  }
  void region_free(std::uint64_t region) {
    ::close(regions_.at(region).descriptor);
    regions_.erase(region);
  }
  bool submit(const strata_io& io) {
    if (waiting_.size() == 8) return false;
    strata::check_io(io, limits(), regions_.at(io.region).bytes);
    waiting_.push_back(io);
    return true;
  }
  std::uint32_t poll(std::span<strata_done> out, std::int64_t) {
    if (waiting_.empty() || out.empty()) return 0;
    const auto io = waiting_.front();
    waiting_.pop_front();
    const auto& region = regions_.at(io.region);
    const auto bytes = std::min(io.bytes, region.bytes - io.offset);
    const auto moved =
        ::pread(region.descriptor, io.mem, bytes, static_cast<off_t>(region.offset + io.offset));
    if (done_++ == bad_) static_cast<unsigned char*>(io.mem)[bytes / 2] ^= 0x40;
    out[0] = {io.cookie, moved < 0 ? 0 : static_cast<std::uint64_t>(moved), {}, STRATA_OK, 0};
    return 1;
  }

 private:
  struct Region {
    int descriptor;
    std::uint64_t offset, bytes;
  };
  std::int64_t bad_, done_ = 0;
  std::map<std::uint64_t, Region> regions_;
  std::uint64_t last_ = 0;
  std::deque<strata_io> waiting_;
};

}  // namespace

STRATA_OFFLOAD_PLUGIN(Flip, "flip", "1.0.0");
