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

namespace {

// A function of the driver's library, which stays loaded: computing needs it. Null without one.
template <class Function>
Function* of_driver(const char* name) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return driver ? reinterpret_cast<Function*>(dlsym(driver, name)) : nullptr;
}

bool starts() {
  auto* init = of_driver<int(unsigned)>("cuInit");
  return init && init(0) == 0;
}

}  // namespace

CudaMemory cuda_memory(uint32_t gpu) {
  auto* get = of_driver<int(int*, int)>("cuDeviceGet");
  auto* total = of_driver<int(std::size_t*, int)>("cuDeviceTotalMem_v2");
  int device = 0;
  std::size_t bytes = 0;
  if (!get || !total || !starts() || get(&device, static_cast<int>(gpu)) != 0 ||
      total(&bytes, device) != 0)
    return {};
  return {true, bytes};
}

uint32_t gpu_of_process(uint32_t local) {
  auto* count = of_driver<int(int*)>("cuDeviceGetCount");
  int gpus = 0;
  return count && starts() && count(&gpus) == 0 && gpus == 1 ? 0 : local;
}

}  // namespace strata::app
