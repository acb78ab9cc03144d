#include "core/device/cuda_index.hpp"
#include "torch/comm/group.hpp"
#include "torch/cuda/nccl.hpp"

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::run::Group>
strata_open_cuda_group(const strata::run::GroupOptions& options) {
  const auto index = strata::device::cuda_index(options.device);
  if (!index)
    throw strata::UsageError("--device", "'" + options.device + "' is no GPU",
                             "use cuda, or cuda:N with the number of a GPU");
  return strata::torch::open_group(options, [&](const strata::torch::Joined& joined) {
    return strata::torch::open_nccl(joined, *index);
  });
}
