#include "app/host_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "app/machine.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t unlimited = ~uint64_t{0};

uint64_t less(uint64_t whole, uint64_t part) { return whole > part ? whole - part : 0; }

// The number that a file holds; nothing if the file is missing or says "max".
std::optional<uint64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  std::string text;
  in >> text;
  uint64_t value = 0;
  const auto* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value) != std::from_chars_result{end, {}})
    return {};
  return value;
}

// The sum of the named lines of a file of "key number".
uint64_t sum_in(const fs::path& file, std::initializer_list<std::string_view> keys) {
  std::ifstream in(file);
  std::string key;
  uint64_t value = 0, sum = 0;
  while (in >> key >> value)
    if (std::ranges::find(keys, key) != keys.end()) sum += value;
  return sum;
}

struct Mount {
  std::string root, point;
};

// The mount points of the memory controller of cgroup version 1, or 2 if `second`.
std::vector<Mount> mounts(const fs::path& root, bool second) {
  std::vector<Mount> out;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string skipped, type, options;
    Mount mount;
    words >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    while (words >> skipped && skipped != "-") {
    }
    words >> type >> skipped >> options;
    if (second ? type == "cgroup2"
               : type == "cgroup" && ("," + options + ",").find(",memory,") != std::string::npos)
      out.push_back(std::move(mount));
  }
  return out;
}

// The process's cgroup of that version, as its line in /proc/self/cgroup names it.
std::optional<std::string> own_group(const fs::path& root, bool second) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), last = line.find(':', first + 1);
    if (first == std::string::npos || last == std::string::npos) continue;
    const auto controllers = "," + line.substr(first + 1, last - first - 1) + ",";
    if (second ? controllers == ",," : controllers.find(",memory,") != std::string::npos)
      return line.substr(last + 1);
  }
  return {};
}

uint64_t left_in(const fs::path& group, bool second) {
  auto limit =
      number_in(group / (second ? "memory.max" : "memory.limit_in_bytes")).value_or(unlimited);
  if (second) limit = std::min(limit, number_in(group / "memory.high").value_or(unlimited));
  const auto used = number_in(group / (second ? "memory.current" : "memory.usage_in_bytes"));
  if (!used || limit == unlimited) return unlimited;
  const auto stat = group / "memory.stat";
  const auto cache = second ? sum_in(stat, {"inactive_file", "active_file"})
                            : sum_in(stat, {"total_inactive_file", "total_active_file"});
  return less(limit, less(*used, cache));
}

// Address space that the program reserves and never touches, which an address-space limit counts in
// full: the code of LibTorch's libraries, the stacks of threads and malloc's arena for each of
// them.
constexpr uint64_t reserved_address_space = 512u << 20;

uint64_t own_limit(int which, std::string_view held, uint64_t reserved) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(which), &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY)
    return unlimited;
  return less(limit.rlim_cur, memory::own_status(held) + reserved);
}

uint64_t free_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  uint64_t kilobytes = 0;
  while (file >> key >> kilobytes >> unit)
    if (key == "MemAvailable:") return kilobytes * 1024;
  return static_cast<uint64_t>(sysconf(_SC_AVPHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

uint64_t cgroup_memory(const fs::path& root) {
  uint64_t least = unlimited;
  for (const bool second : {false, true}) {
    const auto own = own_group(root, second);
    if (!own) continue;
    for (const auto& mount : mounts(root, second)) {
      // A container may see its own group as the mount's root.
      auto below = *own;
      if (mount.root != "/" && below.starts_with(mount.root)) below.erase(0, mount.root.size());
      const auto top = root / fs::path(mount.point).relative_path();
      auto group = top / fs::path(below).relative_path();
      std::error_code none;
      if (below.starts_with("/..") || !fs::exists(group, none)) group = top;
      for (;; group = group.parent_path()) {
        least = std::min(least, left_in(group, second));
        if (group == top || !group.has_relative_path()) break;
      }
    }
  }
  return least;
}

HostMemory available_memory() {
  const HostMemory limits[] = {
      {free_memory(), "free on this machine"},
      {cgroup_memory("/"), "left by the memory cgroup"},
      {own_limit(RLIMIT_DATA, "VmData:", 0), "left by the data limit (ulimit -d)"},
      {own_limit(RLIMIT_AS, "VmSize:", reserved_address_space),
       "left by the address-space limit (ulimit -v)"}};
  return *std::ranges::min_element(limits, {}, &HostMemory::bytes);
}

}  // namespace strata::app
