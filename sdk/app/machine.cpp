#include "app/machine.hpp"

#include <dlfcn.h>

#include <fstream>
#include <string>
#include <string_view>

namespace strata::app {

uint64_t memory::own_status(std::string_view key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::stoull(line.substr(key.size())) * 1024;
  return 0;
}

uint64_t memory::resident() { return own_status("VmRSS:"); }
uint64_t memory::most_resident() { return own_status("VmHWM:"); }

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
  return {true, bytes};  // the driver stays loaded: computing needs it
}

}  // namespace strata::app
