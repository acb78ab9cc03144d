// Streaming leaves the page cache alone.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/plugins/offload/in_child.hpp"

namespace {

constexpr std::size_t size = std::size_t{64} << 20;

// The file's bytes that the page cache holds.
std::size_t cached(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  std::vector<unsigned char> pages(size / 4096);
  const int status = ::mincore(map, size, pages.data());
  ::munmap(map, size);
  if (status != 0) throw std::runtime_error("mincore");
  std::size_t n = 0;
  for (const auto page : pages) n += page & 1;
  return n * 4096;
}

std::string cold_file(const Scratch& scratch) {
  auto path = (scratch.path() / "a.bin").string();
  const auto content = pattern(size, 9);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(size));
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fdatasync(descriptor);
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
  return path;
}

}  // namespace

TEST_CASE("after 64 MiB were read less than 1 MiB of them is in the page cache", "[nvme]") {
  const Scratch scratch;
  const auto path = cold_file(scratch);
  const auto engine = GENERATE("uring", "pread");
  strata_config options{{{"engine", engine}}};
  SECTION("past the cache") { options.values["direct"] = std::int64_t{1}; }
  SECTION("through the cache") { options.values["direct"] = std::int64_t{0}; }
  if (cached(path) >= size / 64) {
    WARN("skipped: this file system keeps a file's pages whatever is asked");
    return;
  }
  OpenedTier tier(plugin_under_test(), options);
  const auto region = tier.region_bind(path, 0, size);
  Guarded memory(size, 4096);
  tier.move(STRATA_READ, region, memory.bytes(), tier.limits().max_io);
  REQUIRE(std::equal(memory.bytes().begin(), memory.bytes().end(), pattern(size, 9).begin()));
  REQUIRE(cached(path) < std::size_t{1} << 20);
}
