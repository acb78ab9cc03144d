#include "core/device/arena.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "core/error.hpp"

using namespace strata;
using namespace strata::device;

namespace {

// The kernel's count of this process's mapped memory, in pages.
std::uint64_t mapped_pages() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages;
}

}  // namespace

TEST_CASE("an arena is as large as asked for, to the page, and given back", "[device][arena]") {
  const std::uint64_t bytes = (std::uint64_t{96} << 20) + 1;  // a power of two would be 128 MiB
  const auto before = mapped_pages();
  {
    Arena arena(bytes);
    REQUIRE(arena.size() == bytes);
    REQUIRE(reinterpret_cast<std::uintptr_t>(arena.data()) % 4096 == 0);
    arena.data()[bytes - 1] = std::byte{1};
    const auto grown = (mapped_pages() - before) * 4096;
    REQUIRE(grown >= bytes);
    REQUIRE(grown < bytes + (1 << 20));
    Arena moved = std::move(arena);
    REQUIRE(moved.size() == bytes);
    REQUIRE(arena.size() == 0);  // NOLINT: what is left is defined
  }
  REQUIRE(mapped_pages() < before + 256);
}

TEST_CASE("memory that does not exist is an error, not a crash", "[device][arena]") {
  REQUIRE_THROWS_WITH(Arena(std::uint64_t{1} << 62), Catch::Contains("bytes refused"));
}
