// Page-locked (pinned) host memory of exactly the bytes asked for. It is registered with CUDA if
// the process uses a device when a region is made, else locked by mlock; it is never silently
// pageable.
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <strata/host_tier.hpp>
#include <strata/pages.hpp>
#include <utility>

#include "cuda.hpp"

namespace {

constexpr char remedy[] = ": raise the locked-memory limit or use --offload cpu";
constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();

// A number in /proc/self/status, read in this base; 0 if the field is not there.
std::uint64_t own_status(std::string_view field, int base) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field)) return std::stoull(line.substr(field.size() + 1), nullptr, base);
  return 0;
}

// The number of bytes that mlock would still take.
std::uint64_t lockable() {
  static constexpr int cap_ipc_lock = 14;
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || (own_status("CapEff", 16) >> cap_ipc_lock & 1))
    return unlimited;
  const auto locked = own_status("VmLck", 10) * 1024;
  return limit.rlim_cur > locked ? limit.rlim_cur - locked : 0;
}

class LockedPages {
 public:
  LockedPages(strata::Pages pages, std::optional<Cuda> cuda)
      : pages_(std::move(pages)), cuda_(cuda) {}
  LockedPages(LockedPages&& other) noexcept
      : pages_(std::move(other.pages_)), cuda_(std::exchange(other.cuda_, {})) {}
  LockedPages& operator=(LockedPages&&) = delete;
  ~LockedPages() {
    if (cuda_) cuda_->unlock(pages_.data());
  }
  std::byte* data() const { return pages_.data(); }

 private:
  strata::Pages pages_;
  std::optional<Cuda> cuda_;  // set if the memory is registered with CUDA
};

class PageLocked {
 public:
  using Memory = LockedPages;
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return Cuda::there() ? 20 : lockable() ? 5 : 0; }
  explicit PageLocked(const strata::Config&) {}

  LockedPages take(std::uint64_t bytes) {
    const auto refuse = [&](const std::string& why) {
      return strata::Failure(STRATA_EXHAUSTED,
                             std::to_string(bytes) + " bytes cannot be locked: " + why + remedy);
    };
    const auto cuda = Cuda::find();
    if (!cuda && lockable() < bytes) throw refuse("the limit leaves " + std::to_string(lockable()));
    try {
      strata::Pages pages(bytes);
      if (cuda) {
        if (const int error = cuda->lock(pages.data(), bytes))
          throw refuse("CUDA error " + std::to_string(error));
        strata::log_line(STRATA_DEBUG, "registered with CUDA");
        return {std::move(pages), cuda};
      }
      if (const int error = pages.lock()) throw refuse(std::strerror(error));
      strata::log_line(STRATA_DEBUG, "locked by mlock");
      return {std::move(pages), std::nullopt};
    } catch (const std::bad_alloc&) {
      throw refuse("not enough memory");
    }
  }
  std::uint64_t capacity() const {
    const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return Cuda::there() ? memory : std::min(memory, lockable());
  }
};

}  // namespace

STRATA_OFFLOAD_PLUGIN(strata::HostTier<PageLocked>, "pinned", "1.0.0");
