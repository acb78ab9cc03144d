// Pageable host memory of exactly the bytes asked for.
#include <unistd.h>

#include <strata/host_tier.hpp>
#include <strata/pages.hpp>

namespace {

class Pageable {
 public:
  using Memory = strata::Pages;
  static std::span<const strata::OptionKey> keys() { return {}; }
  static int score(const strata::Config&) { return 10; }
  explicit Pageable(const strata::Config&) {}

  strata::Pages take(std::uint64_t bytes) {
    try {
      return strata::Pages(bytes);
    } catch (const std::bad_alloc&) {
      throw strata::Failure(STRATA_EXHAUSTED, std::to_string(bytes) +
                                                  " bytes of host memory refused: lower "
                                                  "--host-memory or use another tier");
    }
  }
  std::uint64_t capacity() const {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
};

}  // namespace

STRATA_OFFLOAD_PLUGIN(strata::HostTier<Pageable>, "cpu", "1.0.0");
