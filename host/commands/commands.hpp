// The commands, each a value that its own file defines.
#pragma once
#include "host/cli/command.hpp"

namespace strata::host {

extern const cli::Command generate_command, chat_command, logits_command, perplexity_command,
    tokenize_command, import_command, download_command, plan_command, bench_command,
    plugins_list_command, plugins_check_command, plugins_new_command, completion_command,
    finetune_command, quantize_command;

}  // namespace strata::host
