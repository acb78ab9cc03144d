#include "app/machine.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cctype>
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

std::optional<uint32_t> numa_node_of_gpu(uint32_t gpu) {
  auto* get = of_driver<int(int*, int)>("cuDeviceGet");
  auto* bus = of_driver<int(char*, int, int)>("cuDeviceGetPCIBusId");
  int device = 0;
  std::array<char, 32> text{};
  if (!get || !bus || !starts() || get(&device, static_cast<int>(gpu)) != 0 ||
      bus(text.data(), static_cast<int>(text.size()) - 1, device) != 0)
    return {};
  std::string id(text.data());  // "0000:3B:00.0"; the system's folders have small letters
  std::ranges::transform(id, id.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::ifstream file("/sys/bus/pci/devices/" + id + "/numa_node");
  int node = -1;
  return file >> node && node >= 0 ? std::optional(static_cast<uint32_t>(node)) : std::nullopt;
}

}  // namespace strata::app
