// Page-locked memory: exactly what was asked for, or a refusal that says what to do.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/plugins/offload/in_child.hpp"

namespace {

std::uint64_t locked_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmLck:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

// Runs as a user without privileges, who may lock this many bytes.
void limit_locking(std::uint64_t bytes) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || ::syscall(SYS_capset, &header, none) != 0)
    throw std::runtime_error("cannot limit itself");
}

}  // namespace

TEST_CASE("past the locked-memory limit it is refused with what to do", "[pinned]") {
  const auto said = in_child([] {
    limit_locking(std::uint64_t{1} << 20);
    const strata_config none;
    OpenedTier tier(plugin_under_test(), none);
    if (tier.limits().capacity != std::uint64_t{1} << 20) return std::string("wrong capacity");
    const auto first = tier.region_new(600 << 10);
    std::string words;
    try {
      tier.region_new(600 << 10);
    } catch (const std::exception& e) {
      words = e.what();
    }
    tier.table().region_free(tier.self(), first);
    tier.region_new(1 << 20);
    return words;
  });
  REQUIRE(
      said ==
      "8: 614400 bytes cannot be locked: the limit leaves 434176: raise the locked-memory limit "
      "or use --offload cpu");
}

TEST_CASE("a limit of nothing refuses all, and scores 0", "[pinned]") {
  const auto said = in_child([] {
    limit_locking(0);
    const strata_config none;
    OpenedTier tier(plugin_under_test(), none);
    if (tier.table().score(&none) != 0) return std::string("scored");
    tier.region_new(1);
    return std::string("accepted");
  });
  REQUIRE_THAT(said, Catch::EndsWith("raise the locked-memory limit or use --offload cpu"));
}

TEST_CASE("what is locked is the bytes asked for, to the page", "[pinned]") {
  const strata_config none;
  OpenedTier tier(plugin_under_test(), none);
  const std::uint64_t bytes = (std::uint64_t{5} << 20) + 1;  // a power of two would be 8 MiB
  if (tier.limits().capacity < 2 * bytes) {
    WARN("skipped: the locked-memory limit is below " << 2 * bytes);
    return;
  }
  const auto before = locked_bytes();
  const auto region = tier.region_new(bytes);
  REQUIRE(locked_bytes() - before == (std::uint64_t{5} << 20) + 4096);
  tier.table().region_free(tier.self(), region);
  REQUIRE(locked_bytes() == before);
}
