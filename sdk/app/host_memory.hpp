// The host memory that this process can still take, and the limit that bounds it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace strata::app {

struct HostMemory {
  uint64_t bytes = 0;      // still available
  std::string_view limit;  // the limit that leaves them, as an error names it
};

// The least that any limit leaves: the machine's free memory, the process's memory cgroups of both
// versions, and its limits on data and on address space. The last two also count memory that is
// reserved and never touched, so the space that the program's own code will reserve is subtracted.
HostMemory available_memory();

// The memory that the process's cgroup and its parents leave; page cache that the kernel would give
// back counts as free. All bits are set if no cgroup limits it. `root` stands for "/".
uint64_t cgroup_memory(const std::filesystem::path& root);

}  // namespace strata::app
