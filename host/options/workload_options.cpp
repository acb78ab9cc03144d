#include "host/options/workload_options.hpp"

namespace strata::host {

void add_workload(cli::Table& table, WorkloadOptions& options) {
  table.push_back({"batch-size", "bench.batch_size", &options.batch_size, "B",
                   "sequences in a batch", "", 1, 1e6});
  table.push_back({"prompt-len", "bench.prompt_len", &options.prompt_len, "P", "tokens in a prompt",
                   "", 1, 1e9});
  table.push_back(
      {"gen-len", "bench.gen_len", &options.gen_len, "G", "tokens to generate", "", 1, 1e9});
}

app::Capacity capacity_of(const WorkloadOptions& options) {
  return {.sequences = static_cast<uint32_t>(options.batch_size),
          .tokens = options.prompt_len + options.gen_len,
          .prompt = options.batch_size * options.prompt_len};
}

WorkloadOptions largest_share(const WorkloadOptions& options, std::uint32_t ranks) {
  auto out = options;
  out.batch_size = (options.batch_size + ranks - 1) / ranks;
  return out;
}

}  // namespace strata::host
