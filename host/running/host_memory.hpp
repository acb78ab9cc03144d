// How much host memory this process can still take, and what sets that limit.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace strata::host {

struct HostMemory {
  uint64_t bytes = 0;      // that are left
  std::string_view limit;  // what they are left by, as an error names it
};

// The least that any limit leaves: free memory of the machine, the process's memory cgroups of both
// versions, and its limits of data and of address space. The last two also count what is reserved
// and never touched, so that what the program's own code will reserve is taken off.
HostMemory available_memory();

// What the process's memory cgroup and those around it leave, the page cache that the kernel would
// give back counted as free; all bits set where no cgroup limits it. `root` stands for "/".
uint64_t cgroup_memory(const std::filesystem::path& root);

}  // namespace strata::host
