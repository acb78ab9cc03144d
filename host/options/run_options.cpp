#include "host/options/run_options.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace strata::host {

void add_device(cli::Table& table, app::RunOptions& o) {
  table.push_back({.name = "device",
                   .key = "run.device",
                   .field = &o.device,
                   .value = "cpu|cuda|auto",
                   .help = "device that computes",
                   .closed = true});
}

void add_memory(cli::Table& table, app::RunOptions& o) {
  table.push_back({"offload", "run.offload", &o.offload, "device|NAME|auto",
                   "offload plugin that holds the weights that the device does not hold; device: "
                   "the device must hold all; auto: the fastest one with enough room"});
  table.push_back({"offload-dir", "run.offload_dir", &o.offload_dirs, "DIR",
                   "folder for offloaded bytes; may be repeated"});
  table.push_back({"device-memory", "run.device_memory", &o.device_memory, "SIZE",
                   "limit for everything held on the device: weights, KV cache, activations",
                   "no limit"});
  table.push_back({"host-memory", "run.host_memory", &o.host_memory, "SIZE",
                   "limit for weights held in host memory", "no limit"});
}

void add_in_place(cli::Table& table, app::RunOptions& o) {
  table.push_back({.name = "",
                   .key = "run.in_place",
                   .field = &o.in_place,
                   .value = cli::on_off,
                   .help = "on the CPU units run where they lie in host memory; off: each pass "
                           "copies them to the device's memory, as for a GPU"});
}

void add_run(cli::Table& table, RunOptions& o) {
  table.push_back({.name = "dtype",
                   .key = "run.dtype",
                   .field = &o.dtype,
                   .value = "float32|bfloat16|float16|auto",
                   .help =
                       "dtype of the computation; auto: the checkpoint's on CUDA, float32 on the "
                       "CPU; finetune: bfloat16",
                   .closed = true});
  add_device(table, o);
  table.push_back({"attention", "run.attention", &o.attention, "NAME|auto", "attention plugin"});
  table.push_back({.name = "products",
                   .key = "run.products",
                   .field = &o.products,
                   .value = "exact|fast",
                   .help = "fast: products with quantized weights may round activations to 8 bits",
                   .closed = true});
  add_memory(table, o);
  table.push_back({"adapter", "run.adapter", &o.adapter, "DIR",
                   "folder of a LoRA adapter, as peft writes it, which is added to the weights",
                   "none"});
  add_quant(table, o);
  table.push_back({"threads", "run.threads", &o.threads, "N", "CPU threads", "all cores", 1, 4096});
  table.push_back({"machine", "run.machine", &o.machine, "FILE",
                   "measured rates of the machine, in JSON", "assumed rates"});
  table.push_back({"trace", "run.trace", &o.trace, "FILE", "write a Chrome trace"});
}

namespace {

constexpr auto ranks_help =
    "start N processes here that share the work and the weights; 1: this one is a group of its "
    "own; plan: for one of N";
constexpr auto ranks_unset = "one without a group, or those that a launcher started";

void add_whole_below(cli::Table& table, RunOptions& o) {
  table.push_back({"", "run.whole_below", &o.whole_below, "N",
                   "in a group each rank has the whole of a unit with fewer elements", "", 0,
                   9e18});
}

}  // namespace

void add_ranks(cli::Table& table, RunOptions& o) {
  table.push_back({"ranks", "run.ranks", &o.ranks, "N", ranks_help, ranks_unset, 1, 4096});
  table.push_back({"rank-timeout", "run.rank_timeout", &o.rank_timeout, "SECONDS",
                   "end all ranks where one makes no progress for so long", "", 1, 1e6});
  table.push_back({"bind-cores-to-rank", "run.bind_cores_to_rank", &o.bind_cores, "",
                   "each rank of a machine runs on cores of its own, near its GPU"});
  table.push_back({"bind-core-list", "run.bind_core_list", &o.core_list, "LIST",
                   "the CPUs that --bind-cores-to-rank splits, such as 0,2-4", "all"});
  add_whole_below(table, o);
}

void add_planned_ranks(cli::Table& table, RunOptions& o) {
  table.push_back({"ranks", "run.ranks", &o.ranks, "N", ranks_help, ranks_unset, 1, 4096});
  add_whole_below(table, o);
}

std::vector<std::string> respell_ranks(std::vector<std::string> arguments,
                                       std::vector<std::string>&) {
  for (auto& one : arguments) {
    if (one == "--") break;
    for (const std::string_view theirs : {"--bind_cores_to_rank", "--bind_core_list"}) {
      if (!one.starts_with(theirs)) continue;
      if (const auto rest = one.substr(theirs.size()); rest.empty() || rest.starts_with('='))
        std::replace(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(theirs.size()), '_',
                     '-');
    }
  }
  return arguments;
}

void add_ds_config(cli::Table& table, RunOptions& o) {
  table.push_back({"ds-config", "run.ds_config", &o.ds_config, "FILE",
                   "a DeepSpeed configuration in JSON; all other settings win over it", "none"});
  table.push_back({.name = "ds-precision",
                   .key = "run.ds_precision",
                   .field = &o.ds_precision,
                   .value = "auto|merged|first",
                   .help = "how to read its fp16 and bf16; auto: as DeepSpeed does; merged: refuse "
                           "fp16, float32 if one is off and none on; first: always one of the two",
                   .closed = true});
}

}  // namespace strata::host
