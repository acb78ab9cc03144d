// The options of commands that run on made-up prompts, or predict such a run.
#pragma once
#include <cstdint>
#include <strata/app.hpp>

#include "host/cli/option.hpp"

namespace strata::host {

struct WorkloadOptions {
  std::int64_t batch_size = 1;
  std::int64_t prompt_len = 512;
  std::int64_t gen_len = 32;
};

void add_workload(cli::Table& table, WorkloadOptions& options);

app::Capacity capacity_of(const WorkloadOptions& options);

// The workload of the rank that has the most sequences, at least one.
WorkloadOptions largest_share(const WorkloadOptions& options, std::uint32_t ranks);

}  // namespace strata::host
