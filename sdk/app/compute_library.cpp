#include "app/compute_library.hpp"

#include <filesystem>
#include <string>
#include <system_error>

#include "registry/shared_library.hpp"

namespace strata::app {
namespace {

void* function_of(const std::string& library, const char* name) {
  return registry::function_of(library, name, "compute", "build or install with LibTorch");
}

// MKL, below LibTorch, ends a process whose working directory is deleted; no relative path leads
// anywhere from there.
void leave_deleted_folder() {
  std::error_code missing;
  static_cast<void>(std::filesystem::current_path(missing));
  if (missing) std::filesystem::current_path("/", missing);
}

}  // namespace

std::unique_ptr<run::Compute> open_compute(const run::ComputeOptions& options) {
  leave_deleted_folder();
  return reinterpret_cast<run::OpenCompute*>(
      function_of("libstrata-torch.so", "strata_open_compute"))(options);
}

std::unique_ptr<train::Trainer> open_trainer(const train::TrainerOptions& options) {
  leave_deleted_folder();
  return reinterpret_cast<train::OpenTrainer*>(
      function_of("libstrata-torch.so", "strata_open_trainer"))(options);
}

std::unique_ptr<device::Device> open_cuda_device(uint32_t events, uint32_t gpu) {
  using Open = std::unique_ptr<device::Device>(uint32_t, uint32_t);
  return reinterpret_cast<Open*>(function_of("libstrata-torch-cuda.so", "strata_open_cuda_device"))(
      events, gpu);
}

std::unique_ptr<train::StateKernels> open_cuda_kernels(void* stream) {
  using Open = std::unique_ptr<train::StateKernels>(void*);
  return reinterpret_cast<Open*>(
      function_of("libstrata-torch-cuda.so", "strata_open_cuda_kernels"))(stream);
}

std::unique_ptr<run::Group> open_group(const run::GroupOptions& options) {
  leave_deleted_folder();
  const bool cpu = options.device == "cpu";
  return reinterpret_cast<run::OpenGroup*>(
      function_of(cpu ? "libstrata-torch.so" : "libstrata-torch-cuda.so",
                  cpu ? "strata_open_group" : "strata_open_cuda_group"))(options);
}

}  // namespace strata::app
