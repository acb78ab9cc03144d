#include "app/host_memory.hpp"

#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "app/machine.hpp"
#include "tests/folder.hpp"

using strata::app::cgroup_memory;
using strata::test::Folder;

namespace {

constexpr auto unlimited = ~uint64_t{0};

// A root with one memory controller, whose group of the process is `group`.
struct Root : Folder {
  Root(bool second, const std::string& group, const std::string& mounted = "/") {
    write("proc/self/cgroup",
          "9:name=systemd:/\n" + std::string(second ? "0::" : "4:cpu,memory:") + group + "\n");
    write("proc/self/mountinfo",
          "30 23 0:28 / /proc rw - proc proc rw\n31 23 0:32 " + mounted +
              " /cg rw,relatime shared:9 - " +
              (second ? "cgroup2 cgroup2 rw\n" : "cgroup cgroup rw,cpu,memory\n"));
  }
};

}  // namespace

TEST_CASE("a memory cgroup of version 2 leaves what neither it nor one above it uses",
          "[host][memory]") {
  const Root root(true, "/a/b");
  CHECK(cgroup_memory(root.path()) == unlimited);
  root.write("cg/a/memory.max", "max\n");
  root.write("cg/a/memory.current", "700\n");
  CHECK(cgroup_memory(root.path()) == unlimited);
  root.write("cg/a/b/memory.max", "1000\n");
  root.write("cg/a/b/memory.current", "700\n");
  root.write("cg/a/b/memory.stat", "anon 300\nfile 400\nactive_file 150\ninactive_file 50\n");
  CHECK(cgroup_memory(root.path()) == 500);
  root.write("cg/a/b/memory.high", "900\n");
  CHECK(cgroup_memory(root.path()) == 400);
  root.write("cg/a/memory.max", "800\n");
  CHECK(cgroup_memory(root.path()) == 100);
  root.write("cg/a/memory.current", "900\n");
  CHECK(cgroup_memory(root.path()) == 0);
}

TEST_CASE("a memory cgroup of version 1 counts its children's cache", "[host][memory]") {
  const Root root(false, "/docker/x", "/docker/x");
  root.write("cg/memory.limit_in_bytes", "1000\n");
  root.write("cg/memory.usage_in_bytes", "700\n");
  root.write("cg/memory.stat", "cache 9\ntotal_active_file 10\ntotal_inactive_file 20\n");
  CHECK(cgroup_memory(root.path()) == 330);
}

TEST_CASE("a group that the mount does not show is read at the mount", "[host][memory]") {
  const Root root(true, "/../elsewhere");
  root.write("cg/memory.max", "1000\n");
  root.write("cg/memory.current", "1\n");
  CHECK(cgroup_memory(root.path()) == 999);
}

TEST_CASE("limits of the process itself are counted", "[host][memory]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_DATA, &before) == 0);
  const auto held = strata::app::memory::own_status("VmData:");
  REQUIRE(held > 0);
  const rlimit tight{held + (64u << 20), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_DATA, &tight) == 0);
  const auto left = strata::app::available_memory();
  REQUIRE(::setrlimit(RLIMIT_DATA, &before) == 0);
  CHECK(left.bytes <= (64u << 20));
  CHECK(left.limit.find("ulimit -d") != std::string_view::npos);
}
