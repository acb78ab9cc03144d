// Requests that the disk, the kernel or the administrator refuses, and the words of the errors.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/plugins/offload/in_child.hpp"

using Catch::Contains;
using Catch::Equals;

namespace {

strata_config options(std::map<std::string, strata_config::Value, std::less<>> values) {
  return {std::move(values)};
}

std::string write_file(const std::filesystem::path& path, std::size_t bytes) {
  const auto content = pattern(bytes, 1);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(bytes));
  return path.string();
}

// From now on this process's calls of `number` fail with `error`.
void refuse_syscall(long number, int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof(program) / sizeof(*program), program};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw std::runtime_error("no filter");
}

// Reads the first block of the file and returns the result in words.
std::string read_block(const strata_config& config, const std::string& file) {
  OpenedTier tier(plugin_under_test(), config);
  const auto region = tier.region_bind(file, 0, 8192);
  Guarded memory(8192, 4096);
  const auto done = tier.carry_out(tier.io(STRATA_READ, region, 0, 8192, memory.data()));
  const bool right =
      std::equal(memory.bytes().begin(), memory.bytes().end(), pattern(8192, 1).begin());
  std::string said = std::to_string(done.status) + " " + tier.words() + (right ? "right" : "");
  for (const auto& line : tier.host().lines()) said += "; " + line;
  return said;
}

}  // namespace

TEST_CASE("a file that shrinks under its region is data loss, by name and offset", "[nvme]") {
  const Scratch scratch;
  const auto file = write_file(scratch.path() / "a.bin", 65536 + 100);
  const auto engine = GENERATE("uring", "pread");
  const auto direct = GENERATE(0, 1);
  const auto length = GENERATE(0, 16384, 20000);
  CAPTURE(engine, direct, length);
  OpenedTier tier(plugin_under_test(),
                  options({{"engine", engine}, {"direct", std::int64_t{direct}}}));
  const auto region = tier.region_bind(file, 0, 65536 + 100);
  std::filesystem::resize_file(file, static_cast<std::uintmax_t>(length));
  Guarded memory(65536, 4096);
  const auto done = tier.carry_out(tier.io(STRATA_READ, region, 0, 65536, memory.data()));
  REQUIRE(done.status == STRATA_DATA_LOSS);
  REQUIRE(done.bytes == static_cast<std::uint64_t>(length));
  REQUIRE_THAT(tier.words(), Equals(file + ": offset " + std::to_string(length) +
                                    ": the file ends here, " + std::to_string(65536 - length) +
                                    " bytes early: it changed while in use; fetch it again"));
}

TEST_CASE("a disk that fails is data loss, by name and offset", "[nvme]") {
  const Scratch scratch;
  const auto file = write_file(scratch.path() / "a.bin", 8192);
  const auto said = in_child([&] {
    refuse_syscall(SYS_pread64, EIO);
    return read_block(options({{"engine", "pread"}}), file);
  });
  REQUIRE_THAT(
      said, Equals("15 " + file + ": offset 0: read failed: Input/output error: check the disk"));
}

TEST_CASE("memory that cannot be filled is an error of its transfer alone", "[nvme]") {
  const Scratch scratch;
  const auto file = write_file(scratch.path() / "a.bin", 8192);
  OpenedTier tier(plugin_under_test(), options({{"engine", GENERATE("uring", "pread")}}));
  const auto region = tier.region_bind(file, 0, 8192);
  void* closed = ::mmap(nullptr, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const auto bad = tier.carry_out(tier.io(STRATA_READ, region, 0, 8192, closed));
  ::munmap(closed, 8192);
  REQUIRE(bad.status == STRATA_INVALID);
  REQUIRE_THAT(tier.words(), Contains(file + ": offset 0: read failed: Bad address"));
  Guarded memory(8192, 4096);
  REQUIRE(tier.carry_out(tier.io(STRATA_READ, region, 0, 8192, memory.data())).status == STRATA_OK);
}

TEST_CASE("where io_uring is refused threads read instead, and say so", "[nvme]") {
  const Scratch scratch;
  const auto file = write_file(scratch.path() / "a.bin", 8192);
  const auto error = GENERATE(EPERM, ENOSYS);
  REQUIRE_THAT(in_child([&] {
                 refuse_syscall(SYS_io_uring_setup, error);
                 return read_block(options({}), file);
               }),
               Equals("0 right; io_uring refused (" + std::string(std::strerror(error)) +
                      "): set engine = \"pread\""));
  REQUIRE_THAT(in_child([&] {
                 refuse_syscall(SYS_io_uring_setup, error);
                 return read_block(options({{"engine", "uring"}}), file);
               }),
               Equals("threw: 12: io_uring refused (" + std::string(std::strerror(error)) +
                      "): set engine = \"pread\""));
}

namespace {

// A disk of 1 MiB that lies nowhere among the folders, so that it ends with its descriptor.
int small_disk() {
  const int maker = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
  ::fsconfig(maker, FSCONFIG_SET_STRING, "size", "1m", 0);
  ::fsconfig(maker, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  const int disk = ::fsmount(maker, FSMOUNT_CLOEXEC, 0);
  ::close(maker);
  return disk;
}

}  // namespace

TEST_CASE("a full disk is refused before anything is written", "[nvme]") {
  if (::geteuid() != 0) {
    WARN("skipped: only root can make a small disk");
    return;
  }
  const int disk = small_disk();
  REQUIRE(disk >= 0);
  const auto folder = "/proc/self/fd/" + std::to_string(disk);
  const auto said = in_child([&] {
    OpenedTier tier(plugin_under_test(), options({{"dir", folder}}));
    tier.region_new(700 << 10);
    std::string words;
    try {
      tier.region_new(700 << 10);
    } catch (const std::exception& e) {
      words = e.what();
    }
    tier.region_new(200 << 10);  // the space of the refused region is free again
    return words;
  });
  ::close(disk);
  REQUIRE_THAT(said, Equals("8: " + folder +
                            ": no room for 716800 bytes: No space left on device: free some, or "
                            "name another folder by --offload-dir"));
}

TEST_CASE("a limit of file sizes is an error, not a signal", "[nvme]") {
  const Scratch scratch;
  const auto said = in_child([&] {
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    OpenedTier tier(plugin_under_test(), options({{"dir", scratch.path().string()}}));
    tier.region_new(1 << 20);
    tier.region_new(1);
    return std::string("accepted");
  });
  REQUIRE_THAT(said, Equals("threw: 8: " + scratch.path().string() +
                            ": no room for 4096 bytes: the limit of a file's size is 1048576: free "
                            "some, or name another folder by --offload-dir"));
}

TEST_CASE("many regions and many ranges of a file hold few descriptors", "[nvme]") {
  const Scratch scratch;
  const auto file = write_file(scratch.path() / "a.bin", 8192);
  const auto said = in_child([&] {
    const rlimit limit{32, 32};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    OpenedTier tier(plugin_under_test(), options({{"dir", scratch.path().string()}}));
    for (int i = 0; i < 100; ++i) tier.region_new(1), tier.region_bind(file, 0, 4096);
    return std::string("enough");
  });
  REQUIRE(said == "enough");
}

TEST_CASE("room that was freed is used again, or given back to the disk", "[nvme]") {
  const Scratch scratch;
  const auto said = in_child([&] {
    const rlimit limit{1 << 20, 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    OpenedTier tier(plugin_under_test(), options({{"dir", scratch.path().string()}}));
    const auto keep = tier.region_new(512 << 10);
    const auto first = tier.region_new(512 << 10);
    tier.table().region_free(tier.self(), first);
    const auto again = tier.region_new((512 << 10) - 1);
    tier.table().region_free(tier.self(), again);
    tier.table().region_free(tier.self(), keep);
    tier.region_new(1 << 20);
    return std::string("enough");
  });
  REQUIRE(said == "enough");
}

TEST_CASE("without a folder new regions are refused, and nothing is left in one", "[nvme]") {
  const Scratch scratch;
  {
    OpenedTier none(plugin_under_test(), options({}));
    REQUIRE_THROWS_WITH(none.region_new(1), Contains("--offload-dir"));
  }
  {
    OpenedTier gone(plugin_under_test(), options({{"dir", scratch.path().string() + "/none"}}));
    REQUIRE_THROWS_WITH(gone.region_new(1), Contains(scratch.path().string() + "/none: No such"));
  }
  OpenedTier tier(plugin_under_test(), options({{"dir", scratch.path().string()}}));
  tier.region_new(1 << 20);
  REQUIRE(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("a file system without O_DIRECT is read through the page cache, unless forbidden",
          "[nvme]") {
  // A file of sysfs: a size larger than its content, and no O_DIRECT.
  const std::string file = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (!std::filesystem::exists(file)) {
    WARN("skipped: " << file << " is not there");
    return;
  }
  {
    OpenedTier tier(plugin_under_test(), options({{"direct", std::int64_t{1}}}));
    REQUIRE_THROWS_WITH(tier.region_bind(file, 0, 4096),
                        "3: " + file + ": O_DIRECT refused (EINVAL): set direct = false");
  }
  OpenedTier tier(plugin_under_test(), options({}));
  const auto region = tier.region_bind(file, 0, 4096);
  REQUIRE(tier.host().lines() ==
          std::vector<std::string>{file + ": no O_DIRECT here, read through the page cache"});
  Guarded memory(4096, 4096);
  const auto done = tier.carry_out(tier.io(STRATA_READ, region, 0, 4096, memory.data()));
  REQUIRE(done.status == STRATA_DATA_LOSS);
  REQUIRE_THAT(std::string(reinterpret_cast<char*>(memory.data()), done.bytes), Contains("never"));
}
