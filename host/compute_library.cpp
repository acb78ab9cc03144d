#include "host/compute_library.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "core/error.hpp"
#include "host/registry/places.hpp"

namespace strata::host {
namespace {

// A function of a library beside the program. RTLD_NODELETE and no dlclose: its threads and
// allocators live to the end of the process.
void* function_of(const std::string& library_name, const char* name) {
  const auto library = registry::program_folder().parent_path() / "lib" / library_name;
  if (!std::filesystem::exists(library))
    throw Error("compute", library.string() + " is missing", "build or install with LibTorch");
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char* words = dlerror();
    throw Error("compute", words ? words : library.string() + " cannot be loaded",
                "install LibTorch where the library looks for it");
  }
  void* found = dlsym(handle, name);
  if (!found)
    throw Error("compute", library.string() + " has no " + name,
                "install the one made with this program");
  return found;
}

}  // namespace

std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options) {
  return reinterpret_cast<run::OpenCompute*>(
      function_of("libstrata-torch.so", "strata_open_compute"))(options);
}

std::unique_ptr<zero::Collective> open_collective(const run::Ranks& ranks) {
  return reinterpret_cast<run::OpenCollective*>(
      function_of("libstrata-torch.so", "strata_open_gloo"))(ranks);
}

std::unique_ptr<zero::Device> open_cuda_device(uint32_t events) {
  using Open = std::unique_ptr<zero::Device>(uint32_t);
  return reinterpret_cast<Open*>(function_of("libstrata-torch-cuda.so", "strata_open_cuda_device"))(
      events);
}

}  // namespace strata::host
