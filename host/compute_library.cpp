#include "host/compute_library.hpp"

#include <dlfcn.h>

#include <filesystem>

#include "core/error.hpp"
#include "host/registry/places.hpp"

namespace strata::host {

std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options) {
  const auto library = registry::program_folder().parent_path() / "lib/libstrata-torch.so";
  if (!std::filesystem::exists(library))
    throw Error("compute", library.string() + " is missing", "build or install with LibTorch");
  // RTLD_NODELETE and no dlclose: its threads and allocators live to the end of the process.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char* words = dlerror();
    throw Error("compute", words ? words : library.string() + " cannot be loaded",
                "install LibTorch where the library looks for it");
  }
  auto* open = reinterpret_cast<run::OpenCompute*>(dlsym(handle, "strata_open_compute"));
  if (!open)
    throw Error("compute", library.string() + " has no strata_open_compute",
                "install the one made with this program");
  return open(options);
}

}  // namespace strata::host
