// The options that say how a model runs: on what, with what memory, by which plugins.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/cli/option.hpp"

namespace strata::host {

struct RunOptions {
  std::string dtype = "auto";      // float32, bfloat16, float16 or auto
  std::string device = "auto";     // cpu, cuda or auto
  std::string attention = "auto";  // a plugin's name or auto
  std::string offload = "auto";    // a plugin's name, "device" or auto
  std::vector<std::string> offload_dirs;
  std::optional<std::uint64_t> device_memory;  // bytes; empty: no limit
  std::optional<std::uint64_t> host_memory;    // bytes; empty: no limit
  std::string quant = "none";
  std::int64_t threads = 0;           // 0: all cores
  std::string machine;                // file with the machine's rates; empty: assumed rates
  std::string trace;                  // file for a Chrome trace; empty: none
  std::string ds_config;              // file of a ds_config; empty: none
  std::string ds_precision = "auto";  // auto, merged or first
};

// Adds all options but those of a ds_config.
void add_run(cli::Table& table, RunOptions& options);
void add_ds_config(cli::Table& table, RunOptions& options);

}  // namespace strata::host
