#include "host/running/machine.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>

namespace strata::host {
namespace {

uint64_t status(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::stoull(line.substr(key.size())) * 1024;
  return 0;
}

}  // namespace

uint64_t memory::resident() { return status("VmRSS:"); }
uint64_t memory::most_resident() { return status("VmHWM:"); }

uint64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::string key, unit;
  uint64_t kilobytes = 0;
  while (file >> key >> kilobytes >> unit)
    if (key == "MemAvailable:") return kilobytes * 1024;
  return static_cast<uint64_t>(sysconf(_SC_AVPHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGE_SIZE));
}

CudaMemory cuda_memory() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver) return {};
  const auto function = [&](const char* name) { return dlsym(driver, name); };
  const auto init = reinterpret_cast<int (*)(unsigned)>(function("cuInit"));
  const auto get = reinterpret_cast<int (*)(int*, int)>(function("cuDeviceGet"));
  const auto total = reinterpret_cast<int (*)(std::size_t*, int)>(function("cuDeviceTotalMem_v2"));
  int device = 0;
  std::size_t bytes = 0;
  if (!init || !get || !total || init(0) != 0 || get(&device, 0) != 0 || total(&bytes, device) != 0)
    return {};
  return {true, bytes};  // the driver stays: it is needed to compute
}

}  // namespace strata::host
