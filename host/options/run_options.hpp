// The options that say how a model runs: on what, with what memory, by which plugins.
#pragma once
#include <strata/app.hpp>
#include <string>
#include <vector>

#include "host/cli/option.hpp"
#include "host/options/quant_options.hpp"

namespace strata::host {

struct RunOptions : app::RunOptions, QuantSettings {
  std::string machine;                // file with the machine's rates; empty: assumed rates
  std::string trace;                  // file for a Chrome trace; empty: none
  std::string ds_config;              // file of a ds_config; empty: none
  std::string ds_precision = "auto";  // auto, merged or first
  std::int64_t ranks = 0;             // processes that share the work; 0: the launcher's, or one
  std::int64_t rank_timeout = 600;    // seconds without progress after which a rank is named
  bool bind_cores = false;            // each rank of a machine has cores of its own
  std::string core_list;              // the CPUs that the ranks have; empty: all
};

// Adds the device alone, and the options that say which memory holds the weights.
void add_device(cli::Table& table, app::RunOptions& options);
void add_memory(cli::Table& table, app::RunOptions& options);
// Adds the setting of commands that only infer: training writes weights and copies them.
void add_in_place(cli::Table& table, app::RunOptions& options);
// Adds all options but those of a ds_config.
void add_run(cli::Table& table, RunOptions& options);
void add_ds_config(cli::Table& table, RunOptions& options);
// Adds those of commands that run on several ranks.
void add_ranks(cli::Table& table, RunOptions& options);
// Adds those of a plan for several ranks.
void add_planned_ranks(cli::Table& table, RunOptions& options);
// Replaces the spellings that DeepSpeed's launcher has for options of ranks. `notes` stays as it
// is.
std::vector<std::string> respell_ranks(std::vector<std::string> arguments,
                                       std::vector<std::string>& notes);

}  // namespace strata::host
