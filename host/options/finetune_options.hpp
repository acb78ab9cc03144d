// The options of training, [train] in run.toml.
#pragma once
#include <string>
#include <vector>

#include "app/finetune_options.hpp"
#include "host/options/opening.hpp"

namespace strata::host {

struct FinetuneCommand : ModelCommand, RunOptions {
  app::FinetuneOptions train;
  std::string validation;          // a file or a fraction
  std::string log_level = "info";  // debug, info, warning, error or critical
  // For the help alone: respell_finetune puts --ds-precision in the place of --precision-rule.
  std::string precision_rule = "deepspeed";
};

// All options of the command, in the order of its help.
void add_finetune(cli::Table& table, FinetuneCommand& options);
// Its parts.
void add_data(cli::Table& table, FinetuneCommand& options);
void add_steps(cli::Table& table, FinetuneCommand& options);
void add_update(cli::Table& table, FinetuneCommand& options);
void add_storage(cli::Table& table, FinetuneCommand& options);
void add_weights(cli::Table& table, FinetuneCommand& options);
void add_logs(cli::Table& table, FinetuneCommand& options);

// Refuses what is missing, what excludes another option, and numbers outside of their ranges.
void check_finetune(const FinetuneCommand& options);

// The library's options, of the command's own.
app::FinetuneOptions finetune_options(const FinetuneCommand& options);

}  // namespace strata::host
